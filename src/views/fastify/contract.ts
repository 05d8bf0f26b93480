/** The part of Fastify's request that is used here. */
export interface FastifyRequestLike {
  readonly raw: object;
  readonly originalUrl: string;
  readonly protocol: string;
  readonly host: string;
  readonly params: unknown;
}

/** The part of Fastify's reply that is used here. */
export interface FastifyReplyLike {
  readonly raw: object;
  readonly request: object;
  readonly statusCode: number;
  code(status: number): unknown;
  header(name: string, value: unknown): unknown;
  removeHeader(name: string): unknown;
  getHeaders(): object;
  serialize(payload: unknown): unknown;
  send(payload?: unknown): unknown;
}

/** The part of a route's options that is used here. */
export interface FastifyRouteLike {
  readonly url: string;
  readonly config?: object;
  readonly method?: string | readonly string[];
  readonly constraints?: object;
  readonly handler?: unknown;
  preHandler?: unknown;
  onSend?: unknown;
}
