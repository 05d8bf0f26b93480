import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { CacheSweeperError } from '../../errors.ts';
import { type CacheSweeperOptions, checkOptions, type Settings } from '../../options.ts';
import { storeFromEnvironment } from '../../stores/from-environment.ts';
import type { Store } from '../../stores/store.ts';
import { badOption } from '../../util/check-option.ts';
import type { Io } from '../io.ts';

/** Options of the commands that talk to a store. They must be those of the site's sweeper. */
export interface StoreOptions {
  /** As CACHESWEEPER_STORE. */
  readonly store?: string;
  readonly namespace?: string;
  /** The option `version` of the sweeper. */
  readonly keyVersion?: string;
  readonly json?: boolean;
}

/** A site's store, and how the site writes to it. */
export interface SiteStore {
  readonly store: Store;
  /** Options for a sweeper that reads and writes what those of the site do. */
  readonly options: Pick<CacheSweeperOptions, 'namespace' | 'version' | 'secret'>;
  readonly settings: Settings;
}

/**
 * Opens the store that `--store` or CACHESWEEPER_STORE names. The secret comes from CACHESWEEPER_SECRET alone, because other users
 * of a machine can read the arguments of a process.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
 */
export function openStore({ store: url, namespace, keyVersion }: StoreOptions, { env, cwd }: Io): SiteStore {
  const value = url ?? env.CACHESWEEPER_STORE;
  const [, file] = /^sqlite:(.+)$/.exec(value ?? '') ?? [];
  if (file !== undefined && !existsSync(resolve(cwd, file))) {
    throw badOption('--store', 'the file that the site uses', 'one that is not there');
  }
  const opened = storeFromEnvironment({ CACHESWEEPER_STORE: value });
  if (opened === undefined || opened === 'off') {
    throw badOption(
      '--store',
      'a store that processes share, as memcached://localhost:11211',
      value === undefined ? 'none' : value,
      {
        todo:
          opened === 'off'
            ? 'with "off" nothing is cached'
            : 'the memory of another process cannot be reached: say the url of the store with --store or CACHESWEEPER_STORE',
      },
    );
  }
  const version = keyVersion === undefined ? undefined : wholeNumber(keyVersion);
  const options = {
    ...(namespace === undefined ? {} : { namespace }),
    ...(version === undefined ? {} : { version }),
    ...(env.CACHESWEEPER_SECRET ? { secret: env.CACHESWEEPER_SECRET } : {}),
  };
  return { store: opened, options, settings: checkOptions(options) };
}

function wholeNumber(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badOption('--key-version', 'a whole number', text);
}

/** Collects the errors that a store reports, which say why it gives no answer. */
export class StoreErrors {
  readonly #messages: string[] = [];

  readonly report = (error: unknown): void => {
    if (this.#messages.length < 10) this.#messages.push(error instanceof Error ? error.message : String(error));
  };

  /** The error for a store that could not be asked. */
  unreachable(): CacheSweeperError {
    return new CacheSweeperError('CACHESWEEPER_STORE_UNREACHABLE', `the store could not be asked: ${this.reason}`);
  }

  /** Why the store did not answer, as far as it is known. */
  get reason(): string {
    return this.first ?? 'it did not answer in time';
  }

  /** What was reported first. */
  get first(): string | undefined {
    return this.#messages[0];
  }
}
