import type { Body } from '../render/body.ts';
import type { Loader, Loading } from '../render/loading.ts';
import { groupNames } from './resource-names.ts';
import type { HttpRequest } from './rules.ts';
import { stringList } from './string-list.ts';
import type { Writer } from './writer.ts';

/** What a client has been answered. */
export interface HttpAnswer {
  /** 0 for a redirect that the client hides. */
  readonly status: number;
  /** Urls that the client was redirected to and has asked, in their order. */
  readonly redirects?: readonly string[];
  /** Whether an attempt before this one was not answered, or with a status from 500 on. */
  readonly isRepeated?: boolean;
  /** Whether the request was sent with `Authorization` or `Cookie`, as it was at last. */
  readonly hasCredentials: boolean;
  /** Whether its body is read without waiting for {@link HttpExchange.answered}. */
  readonly isStreamed?: boolean;
  /** Returns a header, several lines of it joined with commas. */
  header(name: string): string | undefined;
}

/** One request that a client sends. The client calls `begin` before, and one of the others when it is answered, or is not. */
export interface HttpExchange {
  /** Resolves when the request may be sent; undefined if it may be at once. */
  begin(): Promise<void> | undefined;
  /** Resolves when the answer may be given to who asked; undefined if it may be at once. */
  answered(answer: HttpAnswer): Promise<void> | undefined;
  /**
   * No answer came: an error, a timeout, an abort. Resolves when that may be told; undefined if it may be at once.
   *
   * @param redirects urls that the client was redirected to before, as far as it tells
   */
  failed(redirects?: readonly string[]): Promise<void> | undefined;
}

/** Returns what a client has to tell of a request that it is about to send; undefined for nothing. */
export type Hears = (method: string, url: string | URL) => HttpExchange | undefined;

/** Answers to a read after which a page shows something else than the resource. */
const NO_RESOURCE: ReadonlySet<number> = new Set([408, 429]);
/** Answers to a write that nothing has carried out, but which say that the resource is not what the writer took it for. */
const OUTDATED: ReadonlySet<number> = new Set([409, 410, 412]);
/** Answers of servers that may carry a write out later: it is accepted, or they have not waited for it. */
const PENDING: ReadonlySet<number> = new Set([202, 408]);

/** Reads a resource, for a page that depends on it from then on. */
export class ReadExchange implements HttpExchange {
  readonly #loading: Loading;
  readonly #loader: Loader;
  readonly #url: URL;
  readonly #namesOf: (url: URL) => ReadonlySet<string>;
  readonly #isVisitors: boolean;
  readonly #names: ReadonlySet<string>;
  #tokens: Body | undefined;
  #sent = 0;

  /**
   * @param namesOf what a read of a url depends on; throws errors of rules
   * @param isVisitors whether credentials are a visitor's own
   */
  constructor(
    loading: Loading,
    loader: Loader,
    url: URL,
    namesOf: (url: URL) => ReadonlySet<string>,
    isVisitors: boolean,
  ) {
    this.#loading = loading;
    this.#loader = loader;
    this.#url = url;
    this.#namesOf = namesOf;
    this.#isVisitors = isVisitors;
    this.#names = namesOf(url);
  }

  async begin(): Promise<void> {
    this.#tokens = await this.#loading.tokens(this.#names);
    this.#sent = this.#loading.now();
    this.#loader.add(this.#tokens);
  }

  answered(answer: HttpAnswer): Promise<void> | undefined {
    const { status, redirects = [], hasCredentials, isStreamed = false, header } = answer;
    const { username, password } = this.#url;
    if (this.#isVisitors && (hasCredentials || username !== '' || password !== '')) this.#loader.markPersonal();
    if (status >= 500 || NO_RESOURCE.has(status)) this.#loader.refuse('failed request');
    const age = ageOf(header('age'));
    const since = this.#sent - age;
    if (age > 0 && this.#tokens !== undefined) this.#judge(this.#tokens, since);
    const asked = urlsOf(redirects, this.#url);
    const { origin } = asked.at(-1) ?? this.#url;
    const groups = groupNames(origin, stringList(header('cache-groups')));
    if (asked.length > 0 || groups.length > 0) {
      // The page may be finished before their tokens are there.
      if (!isStreamed) return this.#addLate(asked, groups, since);
      this.#loader.refuse('unknown token');
    }
    return undefined;
  }

  failed(): undefined {
    this.#loader.refuse('failed request');
  }

  /** Adds what was met only with the answer. Its tokens may be younger than the data. */
  async #addLate(asked: readonly URL[], groups: readonly string[], since: number): Promise<void> {
    let names: ReadonlySet<string>;
    try {
      names = new Set([...groups, ...asked.flatMap((url) => [...this.#namesOf(url)])]);
    } catch (error) {
      this.#loading.report(error);
      return this.#loader.refuse('unknown token');
    }
    this.#judge(await this.#loading.tokens(names), since);
  }

  #judge(tokens: Body, since: number): void {
    if (this.#loading.isLate(tokens, since)) tokens.refuse('bumped meanwhile');
    this.#loader.add(tokens);
  }
}

/** Writes a resource. */
export class WriteExchange implements HttpExchange {
  readonly #writer: Writer;
  readonly #request: HttpRequest;

  constructor(writer: Writer, request: HttpRequest) {
    this.#writer = writer;
    this.#request = request;
  }

  begin(): undefined {
    return undefined;
  }

  answered({ status, redirects = [], isRepeated = false, header }: HttpAnswer): Promise<void> | undefined {
    const { method, url } = this.#request;
    const asked = urlsOf(redirects, url);
    const last = asked.at(-1) ?? url;
    const groups = groupNames(last.origin, stringList(header('cache-group-invalidation')));
    const written = { method, urls: [url, ...asked], groups };
    if (status >= 500 || PENDING.has(status)) return this.#writer.uncertain(written);
    if (status >= 400 && asked.length === 0 && !OUTDATED.has(status)) {
      return isRepeated ? this.#writer.uncertain(written) : undefined;
    }
    // RFC 9111, 4.4: what an answer names of the same origin is invalidated as well.
    const named = [header('location'), header('content-location')]
      .map((text) => (text === undefined ? undefined : parsedUrl(text, last)))
      .filter((other) => other !== undefined && other.origin === last.origin);
    return this.#writer.written({ ...written, urls: distinct([...written.urls, ...(named as URL[])]) });
  }

  failed(redirects: readonly string[] = []): Promise<void> {
    const { method, url } = this.#request;
    return this.#writer.uncertain({ method, urls: [url, ...urlsOf(redirects, url)], groups: [] });
  }
}

/** Returns for how long a cache on the way may have had an answer, in milliseconds. It tells whole seconds, of which one has begun. */
function ageOf(header: string | undefined): number {
  if (header === undefined) return 0;
  return (Math.max(0, Number.parseInt(header, 10) || 0) + 1) * 1_000;
}

function urlsOf(texts: readonly string[], base: URL): readonly URL[] {
  return texts.map((text) => parsedUrl(text, base)).filter((url) => url !== undefined);
}

function distinct(urls: readonly URL[]): readonly URL[] {
  return [...new Map(urls.map((url) => [url.href, url])).values()];
}

/** Returns an absolute url of HTTP; undefined if it is none. */
export function parsedUrl(text: string | URL, base?: URL): URL | undefined {
  if (!URL.canParse(String(text), base?.href)) return undefined;
  const url = new URL(String(text), base);
  url.hash = '';
  return url.protocol === 'http:' || url.protocol === 'https:' ? url : undefined;
}
