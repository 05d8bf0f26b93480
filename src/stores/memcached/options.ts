import { badOption, checkNames } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { checkCompressFrom } from '../compress-from.ts';
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

const KNOWN: readonly (keyof MemcachedOptions)[] = ['servers', 'tokenServer', 'username', 'password', 'compressFrom'];
/** Names the store in error messages. */
const STORE = 'MemcachedStore';

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkMemcachedOptions(given: string | MemcachedOptions | undefined): MemcachedSettings {
  const options: MemcachedOptions = typeof given === 'string' ? { servers: given } : (given ?? {});
  if (typeof options !== 'object' || Array.isArray(options)) {
    throw badOption(STORE, '"host:port,host:port" or an object of options', describe(options));
  }
  checkNames(STORE, options, KNOWN);
  const addresses = servers(options.servers);
  return Object.freeze({
    addresses,
    tokenServer: tokenServer(options.tokenServer, addresses),
    credentials: credentials(options),
    compressFrom: checkCompressFrom(`${STORE} compressFrom`, options.compressFrom),
  });
}

function servers(given: unknown): Address[] {
  if (given !== undefined) return parseAddresses(given, `${STORE} servers`);
  const { MEMCACHED_SERVERS } = process.env;
  if (MEMCACHED_SERVERS !== undefined) return parseAddresses(MEMCACHED_SERVERS, 'MEMCACHED_SERVERS');
  throw badOption(
    `${STORE} servers`,
    '"host:port,host:port", here or in the environment variable MEMCACHED_SERVERS',
    describe(given),
  );
}

function tokenServer(given: unknown, addresses: readonly Address[]): number {
  if (given === undefined) return 0;
  const labels = addresses.map(addressLabel);
  const [named] = parseAddresses([given], `${STORE} tokenServer`).map(addressLabel);
  const place = labels.indexOf(named as string);
  if (place === -1)
    throw badOption(`${STORE} tokenServer`, `one of the servers (${labels.join(', ')})`, describe(given));
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
  throw badOption(`${STORE} username`, 'a username and a password, both of them texts', 'something else');
}
