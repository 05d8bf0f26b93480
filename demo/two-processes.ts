import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startStore } from './store-server.ts';

const main = path.join(import.meta.dirname, 'main.js');

/** Two processes of the site, with one store and one database: what is saved in one is seen at once in the other. */
async function start(kind: string): Promise<void> {
  const folder = mkdtempSync(path.join(tmpdir(), 'cachesweeper-demo-'));
  const children: ChildProcess[] = [];
  let stopping = false;
  const stop = async () => {
    if (stopping) return;
    stopping = true;
    // The sites first: they still talk to the store.
    for (const child of children.reverse()) await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);

  try {
    const store = await startStore(kind, folder);
    if (store.process !== undefined) children.push(store.process);
    const first = Number(process.env.PORT ?? 3000);
    // One after the other: the first fills the database.
    for (const wanted of first === 0 ? [0, 0] : [first, first + 1]) {
      const site = startSite(wanted, path.join(folder, 'blog.sqlite'), store.url);
      children.push(site);
      await said(site, 'Ctrl-C');
    }
  } catch (error) {
    await stop();
    throw error;
  }
}

function startSite(port: number, database: string, store: string): ChildProcess {
  const env = { ...process.env, PORT: String(port), DATABASE: database, CACHESWEEPER_STORE: store };
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

start(process.argv[2] ?? 'memcached').catch((error: unknown) => {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
});
