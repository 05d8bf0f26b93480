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
  const got = given === '' ? 'an empty text' : url === undefined ? 'a text that is no address' : wrongIn(url);
  if (got === undefined) return given;
  throw badOption('RedisStore', '"redis://host:port/0" or "rediss://user:password@host:port"', got);
}

/** Says what is wrong with an address. The clients say it at the first use only, or take it for something else. */
function wrongIn({ protocol, hostname, username, password, pathname }: URL): string | undefined {
  if (!['redis:', 'rediss:'].includes(protocol) || hostname === '') return `an address of ${protocol}`;
  if (!isDecodable(username) || !isDecodable(password)) return 'a user or password with a % that encodes nothing';
  if (!/^\/?\d*$/.test(pathname)) return 'an address whose path is not the number of a database';
  return undefined;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
