import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import makeKnex, { type Knex } from 'knex';
import Driver from 'libsql';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type Postgres, postgresPrograms, startPostgres } from '../orm/postgres.ts';
import { knexOn } from '../support/knex-sqlite.mjs';
import { isDeep, isLong, sized } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';

vi.setConfig({ testTimeout: 300_000 });

const root = new URL('../../', import.meta.url);
const DYING = fileURLToPath(new URL('dying-process.mjs', import.meta.url));
const LEVELS: readonly string[] = ['read committed', 'repeatable read', 'serializable'];

let memcached: Memcached;
beforeAll(async () => {
  memcached = await Memcached.start();
});

/** Runs a process that saves. Returns how many places it has passed, or undefined if it died at the one that it was told. */
function saving(order: object): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const argument = JSON.stringify({ ...order, memcached: memcached.address });
    const child = execFile(process.execPath, [DYING, argument], { cwd: root, timeout: 60_000 }, (error, stdout) => {
      if (child.signalCode === 'SIGKILL') resolve(undefined);
      else if (error) reject(error);
      else resolve(Number(stdout));
    });
  });
}

/** Another process of the same site: it shows the comment, and looks into the outbox. */
class Survivor {
  /** Polls that have begun. */
  polls = 0;
  readonly sweeper: CacheSweeper;
  readonly #knex: Knex;
  readonly #env: nunjucks.Environment;

  private constructor(knex: Knex) {
    this.#knex = knex;
    knex.on('query', ({ sql }: { readonly sql: string }) => {
      if (/^SELECT id, names/.test(sql)) this.polls++;
    });
    const outbox = { knex, interval: '20ms' };
    // A page that does not wait for the store is rendered anew, and would tell nothing.
    this.sweeper = new CacheSweeper({ store: new MemcachedStore(memcached.address), outbox, timeout: '10s' });
    this.#env = this.sweeper.install(new nunjucks.Environment([]));
  }

  static async setUp(knex: Knex): Promise<Survivor> {
    await knex.raw('CREATE TABLE comments (id INTEGER PRIMARY KEY, text TEXT NOT NULL)');
    await knex.raw("INSERT INTO comments VALUES (1, 'old')");
    // Without a store it does not poll.
    await new CacheSweeper({ outbox: knex }).outbox.createTable();
    return new Survivor(knex);
  }

  async text(): Promise<string> {
    const [row] = await this.#knex('comments').select('text').where({ id: 1 });
    return row.text;
  }

  /** The page that a visitor gets now; its text comes from the cache if there is one. */
  async page(): Promise<string> {
    const comment = { type: 'Comment', id: 1, text: await this.text() };
    const source = '{% cachesweeper comment 0 type="Comment" %}{{ comment.text }}{% endcachesweeper %}';
    return new Promise((resolve, reject) => {
      this.#env.renderString(source, { comment }, (error, html) => (error ? reject(error) : resolve(html ?? '')));
    });
  }

  /** What is there now is bumped when this resolves: the first whole poll finds it, the second bumps it, and is over when a third begins. */
  async twoPolls(): Promise<void> {
    const { polls } = this;
    while (this.polls < polls + 3) await sleep(5);
  }

  rows(): Promise<readonly unknown[]> {
    return this.#knex('cachesweeper_outbox').select();
  }
}

interface Death {
  readonly save: string;
  readonly level?: string;
  readonly pg?: object;
  readonly file?: string;
}

/**
 * Kills a process at one place after the other, from the beginning of a save until its row is removed, and looks at the page after each death.
 *
 * @param gone resolves when the database does nothing more for the process
 * @param places which of them, of how many there are. Default: all
 */
async function diesEverywhere(
  survivor: Survivor,
  death: Death,
  gone: () => Promise<void>,
  places: (all: number) => readonly number[],
): Promise<void> {
  const all = (await saving({ ...death, place: 0, text: 'alive' })) ?? expect.unreachable();
  expect(all).toBeGreaterThan(8);
  await survivor.twoPolls();
  const seen = { committed: 0, not: 0 };
  for (const place of places(all)) {
    const before = await survivor.page();
    const text = `died at ${place} of ${all}`;
    await saving({ ...death, place, text });
    await gone();
    await survivor.twoPolls();
    const now = await survivor.text();
    seen[now === text ? 'committed' : 'not']++;
    expect([text, before, text]).toContain(now);
    expect(await survivor.page(), text).toBe(now);
  }
  expect(seen.committed).toBeGreaterThan(0);
  expect(seen.not).toBeGreaterThan(0);
}

/** Every day three: before the commit, between the commit and the bump, and between the bump and the removal of the row. */
const places = (all: number): readonly number[] => {
  const every = Array.from({ length: all }, (_, i) => i + 1);
  return sized([2, Math.ceil(all * 0.55), Math.ceil(all * 0.8)], every, every);
};

describe('a process that is killed while it saves leaves no old page for longer than two polls', () => {
  test('on SQLite', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-outbox-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const file = join(folder, 'blog.db');
    const open = () => {
      const database = new Driver(file, { timeout: 10_000 } as never);
      database.exec('PRAGMA journal_mode = WAL');
      return knexOn(database);
    };
    const survivor = await Survivor.setUp(open());
    await diesEverywhere(survivor, { save: 'knex', file }, async () => {}, places);
    expect(await survivor.rows()).toEqual([]);
    await survivor.sweeper.close();
  });

  // Every day it is tried on SQLite only, with which a process begins sooner.
  if (!isDeep) return;
  const programs = postgresPrograms();
  if (programs === undefined) {
    test('PostgreSQL is not on this machine: it was tried on SQLite only', () => {
      console.log('initdb and postgres were not found; apt-get install postgresql brings them');
    });
    return;
  }

  let server: Postgres;
  beforeAll(async () => {
    server = await startPostgres(programs);
  });
  afterAll(() => server?.stop());

  // Each process of an ORM takes longer to begin than all that it does.
  const orms = ['sequelize', 'typeorm'];
  const cases = [
    ...LEVELS.map((level) => ({ save: 'knex', level })),
    ...(isLong ? LEVELS : LEVELS.slice(1, 2)).flatMap((level) => orms.map((save) => ({ save, level }))),
    ...orms.map((save) => ({ save: `${save} alone`, level: 'read committed' })),
  ];
  test.each(cases)('on PostgreSQL, $save, $level', async ({ save, level }) => {
    const database = `deaths_${save}_${level}`.replaceAll(' ', '_');
    await server.createDatabase(database);
    const connection = { host: server.host, user: server.user, database };
    const knex = makeKnex({ client: 'pg', connection });
    const survivor = await Survivor.setUp(knex);
    const gone = async () => {
      const alive = () => knex('pg_stat_activity').where({ application_name: 'dying' });
      while ((await alive()).length > 0) await sleep(5);
    };
    await diesEverywhere(survivor, { save, level, pg: connection }, gone, places);
    await survivor.sweeper.close();
    await knex.destroy();
  });
});

test('an outbox keeps no process alive', async () => {
  const source = `
    import Driver from 'libsql';
    import { CacheSweeper } from 'nunjucks-cachesweeper';
    import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
    const database = new Driver(':memory:');
    // Knex itself keeps a process alive until it is destroyed.
    const raw = async (sql) => (/^SELECT/.test(sql) ? database.prepare(sql).all() : database.exec(sql));
    const knex = { raw, transaction() {}, client: { dialect: 'sqlite3', pool: {} } };
    const sweeper = new CacheSweeper({ store: new MemcachedStore('${memcached.address}'), outbox: { knex, interval: '10ms' } });
    await sweeper.outbox.createTable();
    await new Promise((resolve) => setTimeout(resolve, 100));
    console.log('polled');`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ['--input-type=module', '-e', source], { cwd: root, timeout: 60_000 });
  expect(stdout.trim()).toBe('polled');
});
