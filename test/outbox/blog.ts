import type { Knex } from 'knex';
import Driver from 'libsql';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { knexOn } from '../support/knex-sqlite.mjs';

/** A database of comments in memory, with an outbox. */
export class Blog {
  readonly database = new Driver(':memory:');
  readonly knex: Knex = knexOn(this.database);
  readonly store = new TestingStore();
  readonly errors: unknown[] = [];
  /** The statements that were sent to it, in order. */
  readonly sent: string[] = [];
  /** Names that were bumped, in order: of each bump one text. */
  readonly bumped: string[] = [];
  readonly #sweepers: CacheSweeper[] = [];

  constructor() {
    this.database.exec(
      "CREATE TABLE comments (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO comments VALUES (1, 'old')",
    );
    this.knex.on('query', ({ sql }: { readonly sql: string }) => this.sent.push(sql));
  }

  /** A process of its site. */
  process(
    outbox: CacheSweeperOptions['outbox'] = { knex: this.knex, interval: '10ms' },
    store?: TestingStore,
  ): CacheSweeper {
    const sweeper = new CacheSweeper({
      store: store ?? new TestingStore({ shared: this.store }),
      outbox: outbox as never,
      onError: (error) => this.errors.push(error),
      onBump: (names) => this.bumped.push([...names].sort().join(' ')),
    });
    sweeper.install(new nunjucks.Environment([]));
    this.#sweepers.push(sweeper);
    return sweeper;
  }

  rows(): readonly { readonly id: string; readonly names: string }[] {
    return this.database.prepare('SELECT id, names FROM cachesweeper_outbox ORDER BY id').all() as never;
  }

  insert(id: string, names: string, site = ':1'): void {
    this.database.prepare('INSERT INTO cachesweeper_outbox (site, id, names) VALUES (?, ?, ?)').run(site, id, names);
  }

  async close(): Promise<void> {
    await Promise.all(this.#sweepers.map((sweeper) => sweeper.close()));
  }
}
