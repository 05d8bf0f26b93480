import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** What the sites share. */
export interface StoreServer {
  /** As CACHESWEEPER_STORE takes it. */
  readonly url: string;
  /** None for a file. */
  readonly process?: ChildProcess;
}

type Start = (folder: string) => Promise<StoreServer>;

const HOST = '127.0.0.1';

const KINDS: Readonly<Record<string, Start>> = {
  memcached: async () => {
    // As root it wants to be told who to become.
    const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
    const { address, child } = await startServer('memcached', (port) => ['-l', HOST, '-p', port, ...user]);
    return { url: `memcached://${address}`, process: child };
  },
  redis: async (folder) => {
    const inMemory = ['--save', '', '--appendonly', 'no', '--dir', folder];
    const { address, child } = await startServer('redis-server', (port) => [
      '--bind',
      HOST,
      '--port',
      port,
      ...inMemory,
    ]);
    return { url: `redis://${address}`, process: child };
  },
  sqlite: async (folder) => ({ url: `sqlite:${path.join(folder, 'cache.sqlite')}` }),
};

/**
 * Starts what the sites share.
 *
 * @param folder for files
 * @throws when the kind is unknown, or its server is not installed
 */
export function startStore(kind: string, folder: string): Promise<StoreServer> {
  const start = Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
  if (start === undefined)
    throw new Error(`This demo runs on one of ${Object.keys(KINDS).join(', ')}, not on "${kind}".`);
  return start(folder);
}

/** Starts a server on a free port; the variable named like it in capitals names another command. */
async function startServer(
  name: string,
  args: (port: string) => readonly string[],
): Promise<{ address: string; child: ChildProcess }> {
  const variable = name.toUpperCase().replace('-', '_');
  const command = process.env[variable] ?? name;
  const port = await freePort();
  const child = spawn(command, args(String(port)), { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Error(
      `This demo needs the command ${name}, and "${command}" could not be started (${(error as Error).message}). ` +
        `Install the package ${name} (apt-get install ${name}, brew install ${name}), or name the command in ${variable}.`,
    );
  }
  await accepting(port, child);
  return { address: `${HOST}:${port}`, child };
}

async function accepting(port: number, child: ChildProcess): Promise<void> {
  while (child.exitCode === null) {
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
  throw new Error(`The server ended with code ${child.exitCode}.`);
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, HOST);
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
