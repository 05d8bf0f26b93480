import type { ServerResponse } from 'node:http';
import { type FoundHoles, NO_HOLES, type PageHoles, textsByName } from '../holes/page-holes.ts';
import { codedTag } from '../http/conditional.ts';
import type { Exchange, Headers } from '../http/exchange.ts';
import { text } from '../http/header-text.ts';
import { filledTag, type OpenBody, type OpenReason, openBody, openHeaders, openTag } from '../http/open-view.ts';
import { isCoded } from '../http/reflection.ts';
import type { StoredView } from '../http/sound-view.ts';
import { isLoggedIn } from '../http/visitor.ts';
import type { KeptAnswer, Made } from '../kept-answer.ts';
import type { Replacements } from './replacements.ts';

const SET_COOKIE = 'set-cookie';

/** A view while it is made from a page in which values of one visitor stand. */
export class ReplacedView implements KeptAnswer {
  readonly isOpen = true;
  /** Whether the visitor was known before the handler ran. */
  readonly wasLoggedIn: boolean;
  readonly #exchange: Exchange;
  readonly #replacements: Replacements;
  readonly #holes: PageHoles | undefined;
  /** Cookies that were set before the handler ran: by middleware, which does so for each request. */
  readonly #cookies: string;
  readonly #cookiesToCome: string | undefined;
  /** Whether the handler had set others when it handed over its answer, if it did. */
  #setsCookies: boolean | undefined;
  #opened: { readonly of: Buffer; readonly body: OpenBody | OpenReason } | undefined;
  /** The answer when the handler had given it to the framework, if it was in one piece. */
  #given: { readonly headers: Headers; readonly body: Buffer } | undefined;
  /** Tag of the page that is being sent, if all of it is known. */
  #tag: string | undefined;

  /** @param before headers before the handler ran; `holes`: those of the pages that it renders */
  constructor(exchange: Exchange, replacements: Replacements, before: Headers, holes: PageHoles | undefined) {
    this.#holes = holes;
    this.#exchange = exchange;
    this.#replacements = replacements;
    this.#cookies = text(before[SET_COOKIE]);
    this.#cookiesToCome = exchange.cookiesToCome?.();
    this.wasLoggedIn = isLoggedIn(exchange.visitors);
  }

  /**
   * Notes what is there when the framework has the answer. Cookies set later are of middleware outside, and a body that is
   * compressed later can be searched as it is now.
   */
  handOver(headers: Headers, body: Buffer | undefined): void {
    if (body !== undefined && !isCoded(headers)) this.#given = { headers, body };
    const { cookiesToCome } = this.#exchange;
    const toCome = cookiesToCome?.();
    const areTold = cookiesToCome === undefined || toCome !== undefined;
    this.#setsCookies = !areTold || text(headers[SET_COOKIE]) !== this.#cookies || toCome !== this.#cookiesToCome;
  }

  /** Returns an answer as the handler gave it, if something outside has compressed it since. */
  given(headers: Headers, body: Buffer | undefined): Made {
    if (this.#given === undefined || !isCoded(headers)) return { headers, body };
    const { 'content-encoding': _, 'content-length': __, vary: ___, ...others } = headers;
    const { vary } = this.#given.headers;
    return { headers: vary === undefined ? others : { ...others, vary }, body: this.#given.body };
  }

  /** Returns headers for the rules of what is stored: without values that are replaced, and cookies of middleware outside. */
  ruled(headers: Headers): Headers {
    const isOutside =
      (this.#setsCookies ?? text(headers[SET_COOKIE]) !== this.#cookies) ? headers : withoutCookies(headers);
    return Object.fromEntries(
      Object.entries(isOutside).map(([name, value]) => [
        name,
        typeof value === 'string'
          ? this.#replacements.without(value)
          : Array.isArray(value)
            ? value.map((line) => this.#replacements.without(line))
            : value,
      ]),
    ) as Headers;
  }

  /** Returns the headers as they were sent, for the same rules. Of cookies they tell nothing: the session's is among them. */
  sent(headers: Headers): Headers {
    return this.ruled(withoutCookies(headers));
  }

  /** Takes the values out of a view; returns why it cannot be stored if one cannot be found again. */
  open(view: StoredView): StoredView | OpenReason {
    const { body, headers } = view;
    const found = this.#holes?.in(body) ?? (this.#holes === undefined ? NO_HOLES : undefined);
    if (found === undefined) return 'hole lost';
    if (this.#opened?.of !== body) {
      this.#opened = { of: body, body: openBody(headers, body, this.#replacements, found.pieces) };
    }
    const opened = this.#opened.body;
    if (typeof opened === 'string') return opened;
    // Another page may be of the same date.
    const { 'last-modified': _, ...told } = headers;
    const head = openHeaders(told, this.#replacements);
    if (typeof head === 'string') return head;
    const left = { ...view, ...opened, ...head, holes: found.holes, environment: found.environment };
    const etag = openTag(headers, left);
    this.#tag = filledTag(etag, [...left.open, ...left.openHeaders], this.#values(found));
    return { ...left, etag };
  }

  /** Returns what stands in all open places. */
  #values({ texts }: FoundHoles): ReadonlyMap<string, string> {
    const { values } = this.#replacements;
    return texts.length === 0 ? values : new Map([...values, ...textsByName(texts)]);
  }

  /** Sets the tag of the page that is being sent, and takes all others away: they do not tell one visitor's from another's. */
  tag(response: ServerResponse): void {
    response.removeHeader('Last-Modified');
    if (this.#tag === undefined) response.removeHeader('ETag');
    else {
      const coding = text(response.getHeader('content-encoding') as Headers[string] | undefined);
      const isPlain = coding === '' || coding === 'identity';
      response.setHeader('ETag', isPlain ? this.#tag : codedTag(this.#tag, coding));
    }
  }
}

function withoutCookies(headers: Headers): Headers {
  const { [SET_COOKIE]: _, ...others } = headers;
  return others;
}
