import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import knex from 'knex';
import Driver from 'libsql';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { listeningStore } from '../listening-store.ts';
import { readyPage } from '../page.ts';
import type { Made, Scenario, Told } from '../scenario.ts';
import { warmPage } from '../warm-site.ts';

const require = createRequire(import.meta.url);
const Dialect = require('knex/lib/dialects/better-sqlite3/index.js') as new () => object;

/** Knex' better-sqlite3 with libsql, which has its interface and needs no compiler. */
class Libsql extends Dialect {
  _driver() {
    return Driver;
  }
}

// Each scenario has a process of its own.
const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-bench-'));
process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
const filename = join(folder, 'cache.sqlite');

async function warmFile(memory?: false): Promise<Made> {
  const client = new SqlStore(knex({ client: Libsql as never, connection: { filename }, useNullAsDefault: true }));
  await client.createTable();
  return warmPage(listeningStore(client, { token: 't:', entry: 'e:' }), memory === undefined ? {} : { memory });
}

/** The page that prints ready strings, and a SELECT of the keys of each list, prepared once. */
function ready(...lists: readonly (readonly string[] | undefined)[]): Made {
  const database = new Driver(filename);
  const page = readyPage();
  const selects = lists.map((keys = []) => {
    const statement = database.prepare(
      `SELECT k, value FROM cachesweeper WHERE k IN (${keys.map(() => '?').join()}) AND expires > ?`,
    );
    return () => {
      const rows = statement.all([...keys, Date.now()]);
      if (rows.length !== keys.length) throw new Error(`the file has ${rows.length} of ${keys.length} keys`);
    };
  });
  const side = () => {
    const bytes = page();
    for (const select of selects) select();
    return bytes;
  };
  return { side };
}

/** Warm pages on an SQLite file. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: 'SQLite file + memory tier, all hits, warm page',
    floor: 'the page printing 50 ready strings + one raw SELECT of its 52 tokens',
    goal: 1.3,
    ours: () => warmFile(),
    other: (_port, { tokenKeys }: Told) => ready(tokenKeys),
  },
  {
    scenario: 'SQLite file, no memory tier, all hits, warm page',
    floor: 'the page printing 50 ready strings + two raw SELECTs: 52 tokens, 50 entries',
    ours: () => warmFile(false),
    other: (_port, { tokenKeys, entryKeys }: Told) => ready(tokenKeys, entryKeys),
  },
];
