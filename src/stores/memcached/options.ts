import { CacheSweeperError } from '../../errors.ts';
import { describe } from '../../util/describe.ts';
import { type Address, addressLabel, type Credentials, parseAddresses } from './address.ts';

/** Options of {@link MemcachedStore}. */
export interface MemcachedOptions {
  /** Servers, as `"host:port,host:port"` or a list. Default: the environment variable `MEMCACHED_SERVERS`. */
  readonly servers?: string | readonly string[];
  /** The server that holds all tokens. Default: the first. All processes must name the same one. */
  readonly tokenServer?: string;
  /** User name for SASL. Default: the environment variable `MEMCACHED_USERNAME`, or none. */
  readonly username?: string;
  /** Password for SASL. Default: the environment variable `MEMCACHED_PASSWORD`, or none. */
  readonly password?: string;
  /** Entries of at least this many bytes are compressed; `false` turns that off. Default 16,384. */
  readonly compressFrom?: number | false;
}

export interface MemcachedSettings {
  readonly addresses: readonly Address[];
  /** Index of the token server in `addresses`. */
  readonly tokenServer: number;
  readonly credentials: Credentials;
  readonly compressFrom: number;
}

const KNOWN: ReadonlySet<string> = new Set<keyof MemcachedOptions>([
  'servers',
  'tokenServer',
  'username',
  'password',
  'compressFrom',
]);
const DEFAULT_COMPRESS_FROM = 16_384;

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkMemcachedOptions(given: string | MemcachedOptions | undefined): MemcachedSettings {
  const options: MemcachedOptions = typeof given === 'string' ? { servers: given } : (given ?? {});
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw badOption('', '"host:port,host:port" or an object of options', options);
  }
  const unknown = Object.keys(options).find((name) => !KNOWN.has(name));
  if (unknown !== undefined) throw badOption(unknown, `one of ${[...KNOWN].join(', ')}`, 'an unknown name', true);
  const addresses = servers(options.servers);
  return Object.freeze({
    addresses,
    tokenServer: tokenServer(options.tokenServer, addresses),
    credentials: credentials(options),
    compressFrom: compressFrom(options.compressFrom),
  });
}

function servers(given: unknown): Address[] {
  if (given !== undefined) return parseAddresses(given, 'MemcachedStore servers');
  const { MEMCACHED_SERVERS } = process.env;
  if (MEMCACHED_SERVERS !== undefined) return parseAddresses(MEMCACHED_SERVERS, 'MEMCACHED_SERVERS');
  throw badOption('servers', '"host:port,host:port", here or in the environment variable MEMCACHED_SERVERS', given);
}

function tokenServer(given: unknown, addresses: readonly Address[]): number {
  if (given === undefined) return 0;
  const labels = addresses.map(addressLabel);
  const [named] = parseAddresses([given], 'MemcachedStore tokenServer').map(addressLabel);
  const place = labels.indexOf(named as string);
  if (place === -1) throw badOption('tokenServer', `one of the servers (${labels.join(', ')})`, given);
  return place;
}

function credentials({ username, password }: MemcachedOptions): Credentials {
  const { MEMCACHED_USERNAME, MEMCACHED_PASSWORD } = process.env;
  const user: unknown = username ?? MEMCACHED_USERNAME;
  const word: unknown = password ?? MEMCACHED_PASSWORD;
  if (user === undefined && word === undefined) return { username: undefined, password: undefined };
  // The message below shows neither value.
  if (typeof user === 'string' && user !== '' && typeof word === 'string' && word !== '') {
    return { username: user, password: word };
  }
  throw badOption('username', 'a username and a password, both of them texts', 'something else', true);
}

function compressFrom(given: unknown): number {
  if (given === undefined) return DEFAULT_COMPRESS_FROM;
  if (given === false) return Number.POSITIVE_INFINITY;
  if (typeof given === 'number' && Number.isSafeInteger(given) && given >= 0) return given;
  throw badOption('compressFrom', 'a whole number of bytes, or false', given);
}

function badOption(name: string, expected: string, got: unknown, verbatim = false): CacheSweeperError {
  return new CacheSweeperError(
    'CACHESWEEPER_BAD_OPTION',
    `MemcachedStore${name && ` ${name}`}: expected ${expected}, got ${verbatim ? got : describe(got)}`,
  );
}
