import type { IncomingHttpHeaders, OutgoingHttpHeader, ServerResponse } from 'node:http';

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
  /** Headers set so far. */
  headers(): Headers;
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
}
