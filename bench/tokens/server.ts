import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const HOST = '127.0.0.1';

/** A store that a site of several processes reads its tokens from. */
export interface TokenServer {
  /** As CACHESWEEPER_STORE takes it. */
  readonly url: string;
  /** Whether it is a process of its own, and not a file or nothing. */
  readonly isProcess: boolean;
  /** Microseconds that its processes have computed; 0 without any. */
  cpu(): number;
  end(): Promise<void>;
}

export const SERVERS: Readonly<Record<string, () => Promise<TokenServer>>> = {
  'no store': async () => withoutServer('memory'),
  Memcached: () => {
    // As root it wants to be told who to become.
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    return start(
      'memcached',
      (port) => ['-l', HOST, '-p', port, ...user],
      (address) => `memcached://${address}`,
    );
  },
  Redis: () => {
    const inMemory = ['--save', '', '--appendonly', 'no', '--dir', newFolder()];
    return start(
      'redis-server',
      (port) => ['--bind', HOST, '--port', port, ...inMemory],
      (address) => `redis://${address}`,
    );
  },
  PostgreSQL: () => {
    const data = newFolder();
    const as = unprivileged();
    if (as !== undefined) chownSync(data, as.uid, as.gid);
    execFileSync(programOf('initdb'), ['-D', data, '-U', 'site', '--auth=trust', '--locale=C'], {
      ...as,
      cwd: data,
      stdio: 'ignore',
    });
    const args = (port: string) => ['-D', data, '-k', data, '-h', HOST, '-p', port];
    return start(programOf('postgres'), args, (address) => `postgres://site@${address}/postgres`, as);
  },
  'SQLite file': async () => withoutServer(`sqlite:${join(newFolder(), 'cache.sqlite')}`),
};

function withoutServer(url: string): TokenServer {
  return { url, isProcess: false, cpu: () => 0, end: async () => {} };
}

/** PostgreSQL refuses to run as root. */
function unprivileged(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const id = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** A program of PostgreSQL, which Debian does not put into the path. */
function programOf(name: string): string {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).map((version) => join(debian, version, 'bin', name)) : [];
  return versions.find((path) => existsSync(path)) ?? name;
}

/** A folder that is removed with this process. */
function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-tokens-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

async function start(
  command: string,
  args: (port: string) => readonly string[],
  url: (address: string) => string,
  as: { readonly uid?: number; readonly gid?: number } = {},
): Promise<TokenServer> {
  const port = await freePort();
  const child = spawn(command, args(String(port)), { ...as, stdio: 'ignore' });
  child.once('error', ({ message }) => {
    throw new Error(`the benchmark needs the command ${command}: ${message}`);
  });
  process.once('exit', () => child.kill('SIGKILL'));
  await accepting(port);
  return {
    url: url(`${HOST}:${port}`),
    isProcess: true,
    cpu: () => cpuOf(child.pid as number),
    end: () => ended(child),
  };
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Microseconds that a process and its children have computed, in all their threads that have not ended. */
function cpuOf(pid: number): number {
  const family = readdirSync('/proc').filter((name) => name === String(pid) || parentOf(name) === pid);
  return family.reduce((sum, each) => sum + nanosecondsOf(each), 0) / 1_000;
}

function parentOf(pid: string): number | undefined {
  if (!/^\d+$/.test(pid)) return undefined;
  // The name, in parentheses, may have spaces.
  return Number(
    read(`/proc/${pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ')[1],
  );
}

function nanosecondsOf(pid: string): number {
  const threads = readdirSync(`/proc/${pid}/task`);
  return threads.reduce((sum, thread) => sum + Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[0]), 0);
}

/** What a file of the system holds; nothing if its process has ended meanwhile. */
function read(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

async function accepting(port: number): Promise<void> {
  for (;;) {
    const socket = connect(port, HOST);
    try {
      await once(socket, 'connect');
      return;
    } catch {
      await sleep(20);
    } finally {
      socket.destroy();
    }
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
