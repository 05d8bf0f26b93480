import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';

export interface Address {
  readonly host: string;
  /** A number, or the path of a Unix socket. */
  readonly port: number | string;
}

export interface Credentials {
  readonly username: string | undefined;
  readonly password: string | undefined;
}

const DEFAULT_PORT = 11_211;
/** Matches `host`, `host:port`, `1.2.3.4:port` and `[::1]:port`. */
const ADDRESS = /^(?:\[([0-9a-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/i;

/** Matches the path of a Unix socket, with or without `unix:` in front. */
const SOCKET = /^(?:unix:)?(\/[^\0,]+)$/;

/**
 * Parses the addresses in a text or a list of texts.
 *
 * @param what names the option in an error message
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an address is malformed or occurs twice
 */
export function parseAddresses(servers: unknown, what: string): Address[] {
  const list = typeof servers === 'string' ? servers.split(',') : servers;
  if (!Array.isArray(list) || list.length === 0) throw badAddress(what, servers);
  const addresses = list.map((text) => parseAddress(text, what));
  const labels = addresses.map(addressLabel);
  const twice = labels.find((label, i) => labels.indexOf(label) !== i);
  if (twice !== undefined) throw badOption(what, 'each server once', `${twice} twice`);
  return addresses;
}

function parseAddress(text: unknown, what: string): Address {
  const [, path] = (typeof text === 'string' && SOCKET.exec(text.trim())) || [];
  if (path !== undefined) return { host: '', port: path };
  if (typeof text === 'string' && text.includes('@')) {
    // Do not show the text: it contains a password.
    throw badOption(what, '"host:port"', 'credentials in front of it', {
      todo: 'give them as username and password',
    });
  }
  const [, v6, name, digits] = (typeof text === 'string' && ADDRESS.exec(text.trim())) || [];
  const host = v6 ?? name;
  const port = digits === undefined ? DEFAULT_PORT : Number(digits);
  if (host === undefined || port < 1 || port > 65_535) throw badAddress(what, text);
  return { host: host.toLowerCase(), port };
}

function badAddress(what: string, got: unknown): Error {
  return badOption(
    what,
    '"host:port", the path of a socket, or several, separated by commas ("cache1:11211,[::1]:11212")',
    describe(got),
  );
}

/** Returns the name of a server, used in messages and for spreading entries. */
export function addressLabel({ host, port }: Address): string {
  if (typeof port === 'string') return `unix:${port}`;
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
