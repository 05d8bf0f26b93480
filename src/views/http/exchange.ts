import type { IncomingHttpHeaders, OutgoingHttpHeader, ServerResponse } from 'node:http';

/** One request and its response, in words that all web frameworks share. */
export interface Exchange {
  /** The framework's request: what the functions among the options are called with. */
  readonly request: unknown;
  readonly incoming: {
    readonly method?: string | undefined;
    readonly headers: IncomingHttpHeaders;
    /** In HTTP/2. */
    readonly stream?: { readonly endAfterHeaders?: boolean } | undefined;
  };
  /** Node's own response: all that is sent passes through it. */
  readonly response: ServerResponse;
  /** Path and query as they were asked for, wherever the handler is mounted. */
  readonly target: string;
  /** Scheme and host as the framework tells them: it knows which proxies to trust. */
  readonly protocol: string;
  readonly host: string;
  /** The route's parameters, decoded, and its pattern where the framework tells it. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly pattern: string | undefined;
  /** Where middleware leaves the visitor and the session (`user`, `session`). */
  readonly visitors: readonly object[];
  /** Where middleware leaves values for templates, tokens against forgery among them. */
  locals(): readonly object[];
  /** Whether handlers answer in their own asynchronous context, so that another one shows that theirs was lost. */
  readonly answersInContext: boolean;
  /** Whether a compression works on the response that does not always say so in Vary. */
  readonly mayCompress: boolean;
  /** The headers that are set so far. */
  headers(): Headers;
  /** Answers in place of the handler. */
  send(reply: Reply): void;
}

export type Headers = Readonly<Record<string, OutgoingHttpHeader>>;

/** A whole answer. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Headers that stand there before the handler runs, and that the handler took away. */
  readonly removed: readonly string[];
  readonly body: Buffer;
}
