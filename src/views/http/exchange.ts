import type { IncomingHttpHeaders, OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Address } from './address.ts';

/** An object of the framework on which middleware leaves values. */
export interface Holder {
  /** Begins the names of reads: `req`, `ctx`. */
  readonly name: string;
  readonly object: object;
  /** Whether a property is Node's or the framework's own, and says nothing that is not in the key. */
  readonly isOwn: (name: string) => boolean;
}

/** Where the framework keeps variables for templates. */
export interface LocalsAt {
  readonly object: object;
  readonly key: string;
  /** Begins the names of reads: `locals`, `state`. */
  readonly read: string;
}

/** Getters of the framework whose result is in the key, or belongs to the visitor. */
export interface Derived {
  readonly object: object;
  readonly names: readonly string[];
  /** Name of the read; undefined where the result is in the key. */
  readonly read?: string;
}

/** Records what a handler reads. */
export interface ReadRecorder {
  readonly isRecording: boolean;
  /** Records a read of something that the request itself holds. */
  read(name: string): void;
  /** Records a read of a header, by the header's name. */
  readHeader(name: string): void;
  /** Records that the handler read what no key can hold. */
  readAll(name: string): void;
  /** Runs code whose reads do not count. */
  silently<T>(run: () => T): T;
}

/** One request and its response, in terms that all web frameworks share. */
export interface Exchange {
  /** The framework's request, as passed to the functions among the options. */
  readonly request: unknown;
  readonly incoming: {
    readonly method?: string | undefined;
    readonly headers: IncomingHttpHeaders;
    /** Only in HTTP/2. */
    readonly stream?: { readonly endAfterHeaders?: boolean } | undefined;
  };
  /** Node's own response; everything that is sent passes through it. */
  readonly response: ServerResponse;
  /** The framework's own, if that keeps headers of its own. */
  readonly reply?: object;
  /** Path and query of the original request, even in a mounted router. */
  readonly target: string;
  /** Scheme and host as the framework reports them; it knows which proxies to trust. */
  readonly protocol: string;
  readonly host: string;
  /** Parameters of the route, decoded, and its pattern if the framework reports it. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly pattern: string | undefined;
  /** Objects on which middleware leaves the visitor and the session (`user`, `session`). */
  readonly visitors: readonly object[];
  /** Objects on which middleware leaves values for templates, including CSRF tokens. */
  locals(): readonly object[];
  /**
   * Whether handlers answer in their own asynchronous context. If so, an answer from another context shows that it was
   * lost.
   */
  readonly answersInContext: boolean;
  /** Whether there may be a compression that does not always say so in Vary. */
  readonly mayCompress: boolean;
  /** Whether the framework itself compresses each answer, of a hit too, and says so in Vary. */
  readonly compressesAnswers?: boolean;
  /**
   * All urls that a handler may see: the target first, then those at the place of this middleware. A mounted router sees
   * a part of the path, and middleware may rewrite urls.
   */
  readonly urls: readonly string[];
  /** Tells apart the routes that can answer one url. It is the same in all processes. */
  readonly route: string;
  /**
   * Returns what the framework made of the address and the body: query, parameters, body. They are objects that
   * middleware may have changed, so they are in the key as they are.
   */
  given?(address: Address): readonly unknown[];
  /** Objects on which middleware leaves values. */
  readonly holders: readonly Holder[];
  /** Where variables for templates are kept. */
  readonly localsAt: LocalsAt | undefined;
  /** Getters whose result is in the key, or belongs to the visitor. */
  readonly derived: readonly Derived[];
  /** Records reads of what only this framework has, such as its cookies, until the function that it returns is called. */
  watchOwn?(reads: ReadRecorder): () => void;
  /** Gives the handler an address, until the function that it returns is called. */
  rewrite(address: Address): () => void;
  /** Headers set so far. */
  headers(): Headers;
  /** Returns a text for the cookies that the framework will add to the headers as it sends them. */
  cookiesToCome?(): string | undefined;
  /** Functions of the framework's objects, beside those on its holders, that give a visitor's own. */
  readonly functions?: readonly { readonly object: object; readonly name: string }[];
  /** Answers in place of the handler. */
  send(reply: Reply): void;
}

export type Headers = Readonly<Record<string, OutgoingHttpHeader>>;

/** A complete answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Headers that were set before the handler ran and that the handler removed. */
  readonly removed: readonly string[];
  readonly body: Buffer;
  /** Whether the body is UTF-8. */
  readonly isText: boolean;
}
