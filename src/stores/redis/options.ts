import { badOption, checkNames } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { checkCompressFrom } from '../compress-from.ts';

/** Options of {@link RedisStore}. */
export interface RedisOptions {
  /** Begins all keys in Redis; printable ASCII without spaces and braces, at most 50 characters. Default `csw`. */
  readonly prefix?: string;
  /** Entries of at least this many bytes are compressed; `false` turns that off. Default 16,384. */
  readonly compressFrom?: number | false;
  /**
   * `true` asserts that the service never loses a write that it has acknowledged, whatever fails. Then it is not asked
   * for its replication id. Needed only for services that hide `INFO`. Default `false`.
   */
  readonly durable?: boolean;
}

export interface RedisSettings {
  readonly prefix: string;
  readonly compressFrom: number;
  readonly isDurable: boolean;
}

const KNOWN: readonly (keyof RedisOptions)[] = ['prefix', 'compressFrom', 'durable'];
const DEFAULT_PREFIX = 'csw';
/** Braces would put all entries of a cluster into one slot. */
const PREFIX = /^[\x21-\x7a|~]{1,50}$/;

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkRedisOptions(given: RedisOptions | undefined): RedisSettings {
  const options = given ?? {};
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw badOption('RedisStore options', 'an object of options', describe(options));
  }
  checkNames('RedisStore', options, KNOWN);
  const { prefix = DEFAULT_PREFIX, compressFrom, durable = false } = options;
  if (typeof prefix !== 'string' || !PREFIX.test(prefix)) {
    throw badOption(
      'RedisStore prefix',
      '1 to 50 printable ASCII characters without spaces and braces',
      describe(prefix),
    );
  }
  if (typeof durable !== 'boolean') throw badOption('RedisStore durable', 'true or false', describe(durable));
  return Object.freeze({
    prefix,
    compressFrom: checkCompressFrom('RedisStore compressFrom', compressFrom),
    isDurable: durable,
  });
}

/**
 * Checks the address of a Redis.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; the message does not show the address, which may contain a password
 */
export function checkUrl(given: string): string {
  const url = URL.canParse(given) ? new URL(given) : undefined;
  if (url !== undefined && (url.protocol === 'redis:' || url.protocol === 'rediss:') && url.hostname !== '')
    return given;
  const got =
    given === '' ? 'an empty text' : url === undefined ? 'a text that is no address' : `an address of ${url.protocol}`;
  throw badOption('RedisStore', '"redis://host:port" or "rediss://host:port"', got);
}
