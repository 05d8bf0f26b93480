import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** The command that starts a Memcached; MEMCACHED names another. */
const MEMCACHED = process.env.MEMCACHED ?? 'memcached';
const main = path.join(import.meta.dirname, 'main.js');

/** Two processes of the site, with one Memcached and one database: what is saved in one is seen at once in the other. */
async function start(): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'cachesweeper-demo-'));
  const children: ChildProcess[] = [];
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    // The sites first: they still talk to the Memcached.
    for (const child of children.reverse()) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);

  try {
    const port = await freePort();
    children.push(await startMemcached(port));
    const first = Number(process.env.PORT ?? 3000);
    // One after the other: the first fills the database.
    for (const wanted of first === 0 ? [0, 0] : [first, first + 1]) {
      const site = startSite(wanted, path.join(folder, 'blog.sqlite'), `127.0.0.1:${port}`);
      children.push(site);
      await said(site, 'Ctrl-C');
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startMemcached(port: number): Promise<ChildProcess> {
  // As root it wants to be told who to become.
  const user = process.getuid?.() === 0 ? ['-u', 'root'] : [];
  const child = spawn(MEMCACHED, ['-l', '127.0.0.1', '-p', String(port), ...user], { stdio: 'inherit' });
  try {
    await once(child, 'spawn');
  } catch (error) {
    throw new Error(
      `This demo needs a Memcached, and "${MEMCACHED}" could not be started (${(error as Error).message}). ` +
        'Install the package memcached (apt-get install memcached, brew install memcached), or name it in MEMCACHED.',
    );
  }
  return child;
}

function startSite(port: number, database: string, servers: string): ChildProcess {
  const env = { ...process.env, PORT: String(port), DATABASE: database, MEMCACHED_SERVERS: servers };
  const child = spawn(process.execPath, [main], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout?.pipe(process.stdout);
  return child;
}

/** Resolved when a process has printed something. */
function said(child: ChildProcess, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a site ended with code ${code}`)));
    child.stdout?.on('data', (data) => String(data).includes(text) && resolve());
  });
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGTERM');
  await gone;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}

start().catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
