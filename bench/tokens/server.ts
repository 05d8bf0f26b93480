import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

const HOST = '127.0.0.1';
/** Linux counts processor time in so many parts of a second. */
const TICKS = 100;

/** A store that a site of several processes reads its tokens from. */
export interface TokenServer {
  /** As CACHESWEEPER_STORE takes it. */
  readonly url: string;
  /** Microseconds that its processes have computed; 0 for a file. */
  cpu(): number;
  end(): Promise<void>;
}

export const SERVERS: Readonly<Record<string, () => Promise<TokenServer>>> = {
  Memcached: () => {
    // As root it wants to be told who to become.
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    return start(
      'memcached',
      (port) => ['-l', HOST, '-p', port, ...user],
      (address) => `memcached://${address}`,
    );
  },
};

async function start(
  command: string,
  args: (port: string) => readonly string[],
  url: (address: string) => string,
): Promise<TokenServer> {
  const port = await freePort();
  const child = spawn(command, args(String(port)), { stdio: 'ignore' });
  child.once('error', ({ message }) => {
    throw new Error(`the benchmark needs the command ${command}: ${message}`);
  });
  process.once('exit', () => child.kill('SIGKILL'));
  await accepting(port);
  return { url: url(`${HOST}:${port}`), cpu: () => cpuOf(child.pid as number), end: () => ended(child) };
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

/** Microseconds that a process and its children have computed. */
function cpuOf(pid: number): number {
  const processes = readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? (statOf(name) ?? []) : []));
  const family = processes.filter((one) => one.pid === pid || one.parent === pid);
  return family.reduce((sum, { ticks }) => sum + ticks, 0) * (1_000_000 / TICKS);
}

function statOf(pid: string): { pid: number; parent: number; ticks: number } | undefined {
  try {
    // The name, in parentheses, may have spaces.
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')
      .map(Number);
    return { pid: Number(pid), parent: fields[1] as number, ticks: (fields[11] as number) + (fields[12] as number) };
  } catch {
    return undefined;
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
