import { targetOf } from './address.ts';
import type { Real } from './door.ts';
import type { Asked, Framework } from './program.ts';
import { sessionCookie } from './sessions.ts';
import type { Answer } from './wire.ts';

/** Headers that a cache answers by itself, and hides from the handler whose page it wants to keep. */
const HIDDEN = /^(?:if-.*|range|cache-control|pragma)$/;

/** What code outside of the cache sees of a request. */
export function realOf(framework: Framework, asked: Asked): Real {
  const lines = headOf(framework, asked).split('\r\n').slice(1, -2);
  const pairs = lines.map((line) => [
    line.slice(0, line.indexOf(':')).toLowerCase(),
    line.slice(line.indexOf(':') + 2),
  ]);
  return { url: targetOf(asked), headers: Object.fromEntries(pairs) };
}

/** A request as bytes. */
export function headOf(framework: Framework, asked: Asked): string {
  const { method, host, headers, cookies, session } = asked;
  const cookie = [...cookies, ...(session === undefined ? [] : [sessionCookie(framework, session)])].join('; ');
  const lines = [['Host', host], ...headers, ...(cookie ? [['Cookie', cookie]] : [])];
  return `${method} ${targetOf(asked)} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
}

/** The request without what the cache itself answers. */
export function withoutConditions(asked: Asked): Asked {
  const headers = asked.headers.filter(([name]) => !HIDDEN.test(name));
  return { ...asked, headers, conditional: 'none' };
}

/** What clients hold of the answers that they were sent. */
export class Held {
  readonly #latest = new Map<string, { readonly tag: string; readonly date: string; readonly body: string }>();
  readonly #byTag = new Map<string, string>();

  /** The headers by which a client asks whether its copy is still good. */
  conditions(asked: Asked): readonly (readonly [string, string])[] {
    const latest = this.#latest.get(urlOf(asked));
    if (asked.conditional === 'unknown tag') return [['if-none-match', '"unknown"']];
    if (asked.conditional === 'tag' && latest?.tag) return [['if-none-match', latest.tag]];
    if (asked.conditional === 'date' && latest?.date) return [['if-modified-since', latest.date]];
    return [];
  }

  /** The body that a 304 stands for. */
  bodyOf(asked: Asked): string | undefined {
    const url = urlOf(asked);
    const latest = this.#latest.get(url);
    if (asked.conditional === 'date') return latest?.body;
    return asked.conditional === 'tag' ? this.#byTag.get(`${url} ${latest?.tag}`) : undefined;
  }

  /** Notes what a client was sent; returns what is wrong with its tag. */
  keep(asked: Asked, { status, headers, body }: Answer): string | undefined {
    if (status !== 200 || asked.method === 'HEAD') return undefined;
    const url = urlOf(asked);
    const tag = headers.get('etag')?.[0] ?? '';
    const before = this.#byTag.get(`${url} ${tag}`);
    this.#latest.set(url, { tag, date: headers.get('last-modified')?.[0] ?? '', body });
    this.#byTag.set(`${url} ${tag}`, body);
    return tag === '' || before === undefined || before === body ? undefined : `one tag for two bodies: ${tag}`;
  }
}

const urlOf = (asked: Asked) => `${asked.host} ${targetOf(asked)}`;
