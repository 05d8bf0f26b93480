import type { Exchange, Headers } from './exchange.ts';
import { text } from './header-text.ts';
import { isCoded } from './reflection.ts';
import { unescaped } from './spellings.ts';

/** A host that is written in one way only. */
const PLAIN_HOST = /^[\w.-]+$|^\[[\da-f:.]+\]$/;

/**
 * Whether an answer repeats the host that was asked for: in its headers or its body, with or without the port, in any
 * case. A body that cannot be searched counts as a repetition.
 */
export function repeatsHost(exchange: Exchange, headers: Headers, body: Buffer): boolean {
  if (isCoded(headers)) return true;
  const { host, incoming } = exchange;
  const given = [host, incoming.headers.host, text(incoming.headers[':authority'] as string | undefined)];
  const names = new Set(given.flatMap((one) => (one === undefined || one === '' ? [] : [hostname(one)])));
  if ([...names].some((name) => !PLAIN_HOST.test(name))) return true;
  const values = Buffer.from(`${Object.values(headers).map(text).join('\n')}\n`);
  const sent = unescaped(Buffer.concat([values, body]))
    .toString('latin1')
    .toLowerCase();
  return [...names].some((name) => sent.includes(name));
}

function hostname(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.$/, '');
}
