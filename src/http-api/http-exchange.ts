import { dependencyNames } from '../model/names.ts';
import type { Body } from '../render/body.ts';
import type { Loader, Loading } from '../render/loading.ts';
import { groupNames, ResourceNames } from './resource-names.ts';
import type { HttpRequest, Ruled } from './rules.ts';
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
  /** Returns a header, several lines of it joined with commas. */
  header(name: string): string | undefined;
}

/** One request that a client sends. The client calls `begin` before, and one of the others when it is answered, or is not. */
export interface HttpExchange {
  /** Resolves when the request may be sent; undefined if it may be at once. */
  begin(): Promise<void> | undefined;
  /** Resolves when the answer may be given to who asked; undefined if it may be at once. */
  answered(answer: HttpAnswer): Promise<void> | undefined;
  /** No answer came: an error, a timeout, an abort. Resolves when that may be told; undefined if it may be at once. */
  failed(): Promise<void> | undefined;
}

/** Returns what a client has to tell of a request that it is about to send; undefined for nothing. */
export type Hears = (method: string, url: string | URL, hasCredentials: boolean) => HttpExchange | undefined;

/** Reads a resource, for a page that depends on it from then on. */
export class ReadExchange implements HttpExchange {
  readonly #loading: Loading;
  readonly #loader: Loader;
  readonly #url: URL;
  readonly #names = new Set<string>();
  #tokens: Body | undefined;
  #sent = 0;

  constructor(loading: Loading, loader: Loader, { url }: HttpRequest, ruled: Ruled) {
    this.#loading = loading;
    this.#loader = loader;
    this.#url = url;
    for (const name of new ResourceNames(url).read) this.#names.add(name);
    for (const model of ruled.models()) {
      for (const name of dependencyNames(loading.identifier.identity(model))) this.#names.add(name);
    }
  }

  async begin(): Promise<void> {
    this.#tokens = await this.#loading.tokens(this.#names);
    this.#sent = this.#loading.now();
    this.#loader.add(this.#tokens);
  }

  answered({ redirects = [], header }: HttpAnswer): Promise<void> | undefined {
    // A cache on the way gives what it was given earlier.
    const age = Number.parseInt(header('age') ?? '', 10) || 0;
    const since = this.#sent - age * 1_000;
    const late = new Set<string>();
    for (const redirect of redirects.map((text) => parsedUrl(text, this.#url))) {
      if (redirect !== undefined) for (const name of new ResourceNames(redirect).read) late.add(name);
    }
    const groups = groupNames(this.#url.origin, stringList(header('cache-groups')));
    for (const name of groups) late.add(name);
    if (late.size > 0) return this.#addLate(late, since);
    if (age > 0 && this.#tokens !== undefined) this.#judge(this.#tokens, since);
    return undefined;
  }

  failed(): undefined {
    return undefined;
  }

  /** Adds names that were met only with the answer. Their tokens may be younger than the data. */
  async #addLate(names: ReadonlySet<string>, since: number): Promise<void> {
    const tokens = await this.#loading.tokens(names);
    if (this.#tokens !== undefined) tokens.include(this.#tokens);
    this.#judge(tokens, since);
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
    const asked = redirects.map((text) => parsedUrl(text, url)).filter((redirect) => redirect !== undefined);
    const groups = stringList(header('cache-group-invalidation'));
    const written = { method, urls: [url, ...asked], groups };
    if (status >= 500) return this.#writer.uncertain(written);
    if (status >= 400 && asked.length === 0) return isRepeated ? this.#writer.uncertain(written) : undefined;
    // RFC 9111, 4.4: what an answer names of the same origin is invalidated as well.
    const last = asked.at(-1) ?? url;
    const named = [header('location'), header('content-location')]
      .map((text) => (text === undefined ? undefined : parsedUrl(text, last)))
      .filter((other) => other !== undefined && other.origin === last.origin);
    return this.#writer.written({ ...written, urls: distinct([...written.urls, ...(named as URL[])]) });
  }

  failed(): Promise<void> {
    const { method, url } = this.#request;
    return this.#writer.uncertain({ method, urls: [url], groups: [] });
  }
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
