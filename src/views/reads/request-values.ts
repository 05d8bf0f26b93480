import type { Identity } from '../../model/identity.ts';
import { canonicalList } from '../../util/canonical.ts';
import { digest } from '../../util/digest.ts';
import { foundIn, isData } from '../holes/visitor-reads.ts';
import type { Exchange } from '../http/exchange.ts';
import { cookiesOf } from '../http/session-cookies.ts';
import { sessionText } from '../http/visitor.ts';
import type { Replacements } from '../replace/replacements.ts';
import type { Views } from '../views.ts';
import { beside } from './beside.ts';
import { hasVariable, leftOn, variablesOf } from './left-behind.ts';
import {
  CERTIFICATE,
  COOKIES,
  HOLES,
  IP,
  NOT_IN_KEY,
  type ReadName,
  SESSION,
  SESSION_ID,
  SET,
  splitRead,
} from './read-names.ts';
import { PERSONAL, UNSEEN, type ValueText } from './value-text.ts';
import { cookieObjectsOf } from './watched-cookies.ts';

/** Characters of one value. A longer one would cost more to compare than most pages to render. */
const MAX_TEXT = 16_384;
/** Longer texts are written as a digest. */
const MAX_WRITTEN = 200;

/** Stands for what a request does not have. */
export const ABSENT = '-';
/** Headers that name or prove who the visitor is. */
const PERSONAL_HEADERS: ReadonlySet<string> = new Set(['cookie', 'authorization', 'proxy-authorization']);

/** Whether a header names or proves who the visitor is. */
export function isPersonalHeader(name: string): boolean {
  return PERSONAL_HEADERS.has(name);
}

/** What differs between visitors. */
export interface GivenValues {
  readonly replaced?: Replacements | undefined;
  readonly visitor?: object | undefined;
}

/**
 * Tells what a read finds on a request. A view is found by the same texts by which it was stored, so both sides ask
 * here.
 */
export class RequestValues {
  readonly #exchange: Exchange;
  readonly #views: Views;
  readonly #headers: Exchange['incoming']['headers'];
  readonly #locals: object | undefined;
  /** Values that differ from visitor to visitor and are replaced in the page. */
  readonly #replaced: Replacements | undefined;
  readonly #visitor: object | undefined;
  /** The session when the values were asked for, where functions gave some. */
  readonly #mark: string;
  #cookies: ReadonlySet<string> | undefined;
  /** Models that were met in values. */
  readonly models: Identity[] = [];

  /** @param given `replaced`: values that are replaced in the page; `visitor`: what the option `holes` gives */
  constructor(exchange: Exchange, views: Views, { replaced, visitor }: GivenValues = {}) {
    this.#visitor = visitor;
    this.#exchange = exchange;
    this.#replaced = replaced;
    this.#views = views;
    // Keep them as they are before the handler runs: while it does, others stand in their places.
    this.#headers = exchange.incoming.headers;
    this.#locals = exchange.locals()[0];
    this.#mark = replaced?.hasFunctions ? this.#sessionMark() : '';
  }

  /**
   * Returns the names of all that middleware left on the request. They are in the key, so that a name that a handler
   * looked for in vain is not there on a hit either.
   */
  kind(): string {
    let text = '';
    for (const holder of this.#exchange.holders) {
      text += `/${holder.name}`;
      for (const key of leftOn(holder)) text += ` ${isWord(key) ? key : JSON.stringify(key)}`;
    }
    text += '/';
    for (const key of variablesOf(this.#locals ?? {})) text += ` ${isWord(key) ? key : JSON.stringify(key)}`;
    for (const name of Object.keys(this.#exchange.headers())) if (!NOT_IN_KEY.has(name)) text += ` ${name}`;
    return short(`${text} ${this.#exchange.response.statusCode}`);
  }

  /** Returns a text for what the framework made of the address; undefined if middleware put there what no key can hold. */
  given(values: readonly unknown[]): string | undefined {
    if (values.every(isEmpty)) return '';
    try {
      // The usual framework has texts only, which are written faster so.
      const text = values.every(hasTexts) ? JSON.stringify(values) : this.#canonical(values, 'given');
      return text.length > MAX_TEXT ? undefined : short(this.#replaced?.marked(text) ?? text);
    } catch {
      return undefined;
    }
  }

  /** Returns what a read finds on the request before its handler runs. */
  text(read: ReadName): ValueText {
    const [first, rest] = splitRead(read);
    if (first === 'headers') return this.#header(rest);
    if (first === COOKIES) return this.#cookie(rest);
    if (first === IP || first === CERTIFICATE || read === SESSION_ID) return PERSONAL;
    if (first === HOLES) return this.#ofVisitor(rest);
    if (first === SESSION) return this.#session();
    if (first === SET) return this.textOf(rest, this.#exchange.headers()[rest]);
    const { localsAt, holders } = this.#exchange;
    const holder = first === localsAt?.read ? this.#locals : holders.find(({ name }) => name === first)?.object;
    if (holder === undefined || !hasVariable(holder, rest)) return ABSENT;
    try {
      return this.textOf(rest, (holder as Readonly<Record<string, unknown>>)[rest]);
    } catch {
      return UNSEEN;
    }
  }

  /** Returns what stands for a value that middleware left under a name. */
  textOf(name: string, value: unknown): ValueText {
    const replaced = this.#replaced?.textOf(value);
    if (replaced !== undefined) return replaced;
    if (name === SESSION) return sessionValue(sessionText([{ session: value }]));
    if (this.#views.isPrivate(name) && isThere(value)) return PERSONAL;
    if (value === undefined) return ABSENT;
    try {
      const text = this.#canonical([value], name);
      return text.length > MAX_TEXT ? UNSEEN : short(this.#replaced?.marked(text) ?? text);
    } catch {
      return UNSEEN;
    }
  }

  /** Whether a value may be shown by a page for all: each visitor's own stands in its place. */
  isReplaced(value: unknown): boolean {
    return this.#replaced?.has(value) === true;
  }

  /**
   * Returns what the handler is given for a value that middleware left.
   *
   * @param silently runs code whose reads do not count
   * @param others called when that is a function which is used for something else than a value that is replaced
   */
  shown(value: unknown, silently: (run: () => boolean) => boolean, others: () => void): unknown {
    if (this.#replaced === undefined) return value;
    const isSame = () => silently(() => this.#sessionMark() === this.#mark);
    return this.#replaced.shown(value, isSame, others);
  }

  /** Returns a text that is another when the handler has begun another session, or has changed what it holds. */
  #sessionMark(): string {
    const { visitors } = this.#exchange;
    const ids = visitors.map((visitor) => {
      const { session } = visitor as { readonly session?: Readonly<Record<string, unknown>> | null };
      return [session?.id, session?.sessionId].map(String);
    });
    return JSON.stringify([sessionText(visitors), ids]);
  }

  #canonical(values: readonly unknown[], what: string): string {
    return canonicalList(
      values,
      what,
      (instance) => {
        const identity = this.#views.identityOf(instance);
        if (identity !== undefined) this.models.push(identity);
        return this.#views.nameOfInstance(instance);
      },
      beside,
    );
  }

  /** Returns what stands for a variable of the visitor: its content, or, if only members of it were read, its kind. */
  #ofVisitor(rest: string): ValueText {
    try {
      const found = foundIn(this.#visitor ?? {}, rest);
      if (found === undefined) return ABSENT;
      const { value, isWhole } = found;
      if (isData(value) && !isWhole) return Array.isArray(value) ? 'list' : 'object';
      const text = this.#canonical([value], 'holes');
      return text.length > MAX_TEXT ? UNSEEN : short(text);
    } catch {
      return UNSEEN;
    }
  }

  #header(name: string): ValueText {
    const value = Object.hasOwn(this.#headers, name) ? this.#headers[name] : undefined;
    if (value === undefined) return ABSENT;
    if (isPersonalHeader(name)) return PERSONAL;
    const text = JSON.stringify(value);
    return this.#replaced?.textOf(value) ?? short(this.#replaced?.marked(text) ?? text);
  }

  #cookie(name: string): ValueText {
    const { cookie } = this.#headers;
    // Middleware may have added some that no header holds.
    const objects = this.#exchange.holders.flatMap(({ object }) => cookieObjectsOf(object));
    if (name === '') {
      return cookie === undefined && objects.every((own) => Object.keys(own).length === 0) ? ABSENT : PERSONAL;
    }
    this.#cookies ??= new Set(cookiesOf(cookie).map(([own]) => own));
    return this.#cookies.has(name) || objects.some((own) => Object.hasOwn(own, name)) ? PERSONAL : ABSENT;
  }

  /** A session that holds nothing yet tells no visitors apart. */
  #session(): ValueText {
    return sessionValue(sessionText(this.#exchange.visitors));
  }
}

function sessionValue(text: string | undefined): ValueText {
  return text === undefined ? UNSEEN : text === '' ? ABSENT : PERSONAL;
}

/** Whether a name is written without quotes. */
function isWord(name: string): boolean {
  return /^[\w$]+$/.test(name);
}

function isEmpty(value: unknown): boolean {
  return value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}

function hasTexts(value: unknown): boolean {
  if (value === undefined) return true;
  return typeof value === 'object' && value !== null && Object.values(value).every((one) => typeof one === 'string');
}

function short(text: string): string {
  return text.length > MAX_WRITTEN ? `#${digest(text, 27)}` : text;
}

/** Whether a private name has a value. Undefined, null, false, empty text and an empty object stand for no visitor. */
function isThere(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) {
    return Object.getPrototypeOf(value) !== Object.prototype || Object.keys(value).length > 0;
  }
  return value !== undefined && value !== null && value !== false && value !== '';
}
