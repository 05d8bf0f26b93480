import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { TokenServer } from './server.ts';
import type { Done, Work } from './site-process.ts';

const PROGRAM = fileURLToPath(new URL('./site-process.js', import.meta.url));
/** Processes of the site: what they ask at one time the server may answer at one time. */
const PROCESSES = 2;

/** What one page or bump costs, in microseconds of a processor and bytes. */
export interface Costs {
  /** Of the site's process. */
  readonly site: number;
  readonly server: number;
  readonly payload: number;
  /** How many there were in a second, on this machine. */
  readonly rate: number;
}

/** Has processes of a site do the same at one time, and looks at what they and the server compute. */
export async function costsOf({ url, cpu }: TokenServer, work: Work): Promise<Costs> {
  const env = { ...process.env, CACHESWEEPER_STORE: url };
  const started = Array.from({ length: PROCESSES }, () =>
    fork(PROGRAM, [JSON.stringify(work)], { env, execArgv: [], stdio: ['ignore', 'ignore', 'inherit', 'ipc'] }),
  );
  const crashed = new Promise<never>((_, reject) => {
    const exited = (code: number | null) => code !== 0 && reject(new Error('a process of the site has crashed'));
    for (const child of started) child.once('exit', exited);
  });
  await Promise.race([crashed, Promise.all(started.map((child) => once(child, 'message')))]);
  const before = cpu();
  const results = started.map(async (child): Promise<Done> => {
    child.send('go');
    const [done] = await once(child, 'message');
    return done;
  });
  const done = await Promise.race([crashed, Promise.all(results)]);
  const computed = cpu() - before;
  await Promise.all(started.map((child) => ended(child)));
  const count = done.reduce((sum, each) => sum + each.count, 0);
  const mean = (of: 'cpu' | 'payload') => done.reduce((sum, each) => sum + each[of] * each.count, 0) / count;
  return { site: mean('cpu'), server: computed / count, payload: mean('payload'), rate: count / work.seconds };
}

async function ended(child: ChildProcess): Promise<void> {
  const gone = once(child, 'exit');
  child.send('end');
  await gone;
}
