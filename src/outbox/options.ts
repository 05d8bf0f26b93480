import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { parseDuration } from '../util/duration.ts';
import { isOutboxKnex, type OutboxKnex } from './database.ts';
import { DEFAULT_TABLE } from './statements.ts';

/** Settings of the option `outbox`. */
export interface OutboxOptions {
  /** The site's Knex, on PostgreSQL, MySQL, MariaDB or SQLite. Default: none; the databases of the save hooks. */
  readonly knex?: OutboxKnex;
  /** Name of the table, with its schema if it needs one. Default `cachesweeper_outbox`. */
  readonly table?: string;
  /** Time between two looks at the table. A row is bumped at the second look that finds it. Default "1s". */
  readonly interval?: string;
}

/** Checked options; milliseconds. */
export interface OutboxSettings {
  readonly knex: OutboxKnex | undefined;
  readonly table: string;
  readonly interval: number;
}

const DEFAULT_INTERVAL = 1_000;
const MIN_INTERVAL = 10;
const MAX_INTERVAL = 86_400_000;
/** Stands in statements as it is, so it has no character with a meaning there. */
const TABLE = /^[A-Za-z_]\w{0,62}(\.[A-Za-z_]\w{0,62})?$/;
const EXPECTED = 'true, a Knex instance on PostgreSQL, MySQL, MariaDB or SQLite, or { knex, table, interval }';

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
export function checkOutbox(value: unknown): OutboxSettings | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return { knex: undefined, table: DEFAULT_TABLE, interval: DEFAULT_INTERVAL };
  if (isOutboxKnex(value)) return { knex: value, table: DEFAULT_TABLE, interval: DEFAULT_INTERVAL };
  if (typeof value !== 'object' || value === null) throw badOption('option outbox', EXPECTED, describe(value));
  checkNames('option outbox', value, ['knex', 'table', 'interval']);
  const { knex, table = DEFAULT_TABLE, interval } = value as OutboxOptions;
  if (knex !== undefined && !isOutboxKnex(knex)) {
    throw badOption('option outbox knex', 'a Knex instance on PostgreSQL, MySQL, MariaDB or SQLite', describe(knex));
  }
  if (typeof table !== 'string' || !TABLE.test(table)) {
    throw badOption(
      'option outbox table',
      'letters, digits and "_", with a schema and a dot in front if it needs one',
      describe(table),
    );
  }
  const milliseconds = interval === undefined ? DEFAULT_INTERVAL : parseDuration(interval);
  if (milliseconds === undefined || milliseconds < MIN_INTERVAL || milliseconds > MAX_INTERVAL) {
    throw badOption(
      'option outbox interval',
      `a duration of at least ${MIN_INTERVAL}ms and at most 1d, such as "1s"`,
      describe(interval),
    );
  }
  return { knex, table, interval: milliseconds };
}
