import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'libsql';
import type { StoreServer } from '../support/store-servers.ts';
import { type Bump, History, type Judgement, type Minted, type Rendered } from './history.ts';
import { fragment, row } from './pages.ts';

/** What the processes do; see worker.mjs. */
export interface Orders {
  /** Pages of each process that renders, at least. */
  readonly renders: number;
  /** Milliseconds. */
  readonly maxDataAge: number;
}

export interface Report extends Judgement {
  readonly renders: number;
  readonly saves: number;
  /** What all processes counted. */
  readonly counted: Counts;
}

export type Counts = Readonly<Record<string, number>>;

const isEnough = (counted: Counts, least: Counts): boolean =>
  Object.entries(least).every(([name, count]) => (counted[name] ?? 0) >= count);

/** Milliseconds for what is still missing when all pages are rendered. */
const LONGEST = 40_000;
/** How often is asked, in milliseconds. */
const POLLED = 100;
const RENDERING = 4;
const SAVING = 2;
const SITE = { articles: 8, comments: 3, authors: 2, visitors: 4, pauseBetweenSaves: 25 };
const WORKER = fileURLToPath(new URL('worker.mjs', import.meta.url));

const templates = {
  comment: fragment('comment 0', row('comment')),
  page: `[${fragment(
    'article 0',
    `${row('article')}{% depends author %},${row('author')}`,
    '{% for comment in comments() %}{{ "," if not loop.first }}{% include "comment" %}{% endfor %}',
  )},${fragment('article 0 using="version"', row('article').replace(/\]$/, ',"exact"]'))}]`,
};

/**
 * Four processes that render pages and two that save rows, on one store and one database, until all pages are rendered and all of that
 * has happened which makes the run worth something: on a slow machine that takes longer. Not for ever: the report says what happened.
 *
 * @param store one for all of them
 * @param trouble is made as long as they run
 * @param least what they must have counted
 * @param leastTroubles how often it is made at least
 */
export async function runSite(
  store: StoreServer,
  orders: Orders,
  trouble: () => Promise<void>,
  least: Counts,
  leastTroubles: number,
): Promise<Report> {
  const folder = mkdtempSync(join(tmpdir(), 'freshness-'));
  try {
    const database = join(folder, 'rows.db');
    fill(database);
    const logs = Array.from({ length: RENDERING + SAVING }, (_, i) => join(folder, `${i}.jsonl`));
    const started = logs.map((log, i) => {
      const own = {
        process: `p${i}`,
        log,
        saves: i >= RENDERING,
        renders: i < RENDERING ? orders.renders : orders.renders / 10,
      };
      const file = join(folder, `${i}.json`);
      const all = { namespace: 'site', ...SITE, ...orders, database, templates };
      writeFileSync(file, JSON.stringify({ ...all, ...own }));
      return new Worker(file, store.url);
    });
    await Promise.all(started.map((worker) => worker.says('ready')));
    for (const worker of started) worker.tell('go');
    let isOver = false;
    const making = (async () => {
      for (let times = 0; !isOver || times < leastTroubles; times++) await trouble();
    })();
    const isRendered = ({ renders = 0 }: Counts) => renders >= orders.renders;
    for (let waited = 0; waited < LONGEST; waited += POLLED) {
      await sleep(POLLED);
      const counts = await Promise.all(started.map((worker) => worker.counts()));
      if (!counts.slice(0, RENDERING).every(isRendered)) waited = 0;
      else if (isEnough(sum(counts), least)) break;
    }
    isOver = true;
    await making;
    const counts = await Promise.all(started.map((worker) => worker.stop()));
    const history = new History();
    for (const log of logs) await readLog(log, history);
    const judgement = history.judge({ maxDataAge: orders.maxDataAge });
    return { ...judgement, renders: history.renders.size, saves: history.bumps.length, counted: sum(counts) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

class Worker {
  readonly #process: ChildProcess;
  readonly #failed: Promise<never>;
  readonly #said: unknown[] = [];
  #heard: () => void = () => {};

  constructor(orders: string, url: string) {
    const env = { ...process.env, CACHESWEEPER_STORE: url };
    this.#process = fork(WORKER, [orders], { stdio: 'inherit', env });
    this.#process.on('message', (message) => {
      this.#said.push(message);
      this.#heard();
    });
    this.#failed = once(this.#process, 'exit').then(([code, signal]) => {
      throw new Error(`a process of the site ended with ${code ?? signal}`);
    });
    this.#failed.catch(() => {});
  }

  tell(word: string): void {
    this.#process.send(word);
  }

  says(word: string): Promise<unknown> {
    return this.#message((message) => message === word);
  }

  async counts(): Promise<Counts> {
    this.#said.length = 0;
    this.tell('count');
    const { counts } = (await this.#message((message) => (message as { counts?: Counts }).counts !== undefined)) as {
      counts: Counts;
    };
    return counts;
  }

  async stop(): Promise<Counts> {
    this.tell('stop');
    const { last } = (await this.#message((message) => (message as { last?: Counts }).last !== undefined)) as {
      last: Counts;
    };
    this.#process.disconnect();
    return last;
  }

  #message(isIt: (message: unknown) => boolean): Promise<unknown> {
    const heard = new Promise((resolve) => {
      this.#heard = () => {
        const message = this.#said.find(isIt);
        if (message !== undefined) resolve(message);
      };
      this.#heard();
    });
    return Promise.race([heard, this.#failed]);
  }
}

function fill(path: string): void {
  const database = new Database(path);
  database.pragma('journal_mode = WAL');
  database.exec('CREATE TABLE rows (name TEXT PRIMARY KEY, version INTEGER NOT NULL)');
  const insert = database.prepare('INSERT INTO rows VALUES (?, 1)');
  for (let id = 1; id <= SITE.articles; id++) {
    insert.run(`Article:${id}`);
    for (let i = 0; i < SITE.comments; i++) insert.run(`Comment:${id * SITE.comments + i}`);
  }
  for (let id = 1; id <= SITE.authors; id++) insert.run(`Author:${id}`);
  database.close();
}

async function readLog(path: string, history: History): Promise<void> {
  for await (const line of createInterface({ input: createReadStream(path) })) {
    const { kind, ...event } = JSON.parse(line);
    if (kind === 'render') history.renders.set(event.id, { ...event, reads: new Map(event.reads) } as Rendered);
    else if (kind === 'bump') history.bumps.push({ ...event, rows: new Map(event.rows) } as Bump);
    else for (const name of event.names) history.minted.push({ name, when: event.when } as Minted);
  }
}

function sum(counts: readonly Counts[]): Record<string, number> {
  const all: Record<string, number> = {};
  for (const each of counts) for (const [name, count] of Object.entries(each)) all[name] = (all[name] ?? 0) + count;
  return all;
}
