import type { IncomingMessage, ServerResponse } from 'node:http';
import { rawBody } from './raw-body.ts';
import type { WebhookRequest } from './schemes.ts';

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** What the handlers of all frameworks pass a request to. */
export interface Receiver {
  readonly maxBytes: number;
  receive(request: WebhookRequest): Promise<Answer>;
  report(error: unknown): void;
}

const TOO_LARGE: Answer = { status: 413, text: 'the body is too large' };
const FAILED: Answer = { status: 500, text: 'it could not be read' };

/** Receives a request of Node's http. */
async function receive(
  receiver: Receiver,
  request: IncomingMessage,
  path: string,
  kept: readonly unknown[],
): Promise<Answer> {
  let body: Buffer | undefined;
  try {
    body = await rawBody(request, kept, receiver.maxBytes);
  } catch (error) {
    receiver.report(error);
    return FAILED;
  }
  return body === undefined ? TOO_LARGE : receiver.receive(requestOf(request, path, body));
}

function requestOf({ method = '', headers }: IncomingMessage, path: string, body: Buffer): WebhookRequest {
  const lines = Object.entries(headers).map(([name, value]) => [name, value?.toString()]);
  return { method, path, headers: Object.fromEntries(lines), body };
}

export function expressWebhook(
  receiver: Receiver,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  return async (request, response) => {
    const { rawBody: raw, body, originalUrl } = request as { rawBody?: unknown; body?: unknown; originalUrl?: string };
    const { status, text } = await receive(receiver, request, originalUrl ?? request.url ?? '', [raw, body]);
    response.writeHead(status, head(status)).end(text);
  };
}

/** The part of Koa's context that is used here. */
export interface WebhookContext {
  readonly req: IncomingMessage;
  readonly request: object;
  readonly originalUrl: string;
  status: number;
  body: unknown;
  set(headers: Record<string, string>): void;
}

export function koaWebhook(receiver: Receiver): (context: WebhookContext) => Promise<void> {
  return async (context) => {
    const { rawBody: raw, body } = context.request as { rawBody?: unknown; body?: unknown };
    const { status, text } = await receive(receiver, context.req, context.originalUrl, [raw, body]);
    context.status = status;
    if (text !== '') context.body = text;
    context.set(head(status));
  };
}

/** The part of a Fastify instance that is used here. */
export interface WebhookFastify {
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(
    type: string,
    options: { parseAs: 'buffer' },
    parser: (request: unknown, body: Buffer, done: (error: null, body: Buffer) => void) => void,
  ): unknown;
  route(route: {
    method: 'POST';
    url: string;
    bodyLimit: number;
    handler: (request: unknown, reply: unknown) => Promise<unknown>;
  }): unknown;
}

interface FastifyRequest {
  readonly raw: IncomingMessage;
  readonly originalUrl: string;
  readonly body: unknown;
}

interface FastifyReply {
  code(status: number): FastifyReply;
  headers(headers: object): FastifyReply;
  send(text?: string): FastifyReply;
}

export function fastifyWebhook(
  receiver: Receiver,
): (fastify: WebhookFastify, options: { readonly url: string }) => Promise<void> {
  return async (fastify, { url }) => {
    // In the plugin's own context: other routes keep their parsers.
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    fastify.route({
      method: 'POST',
      url,
      bodyLimit: receiver.maxBytes,
      handler: async (given, reply) => {
        const { raw, originalUrl, body } = given as FastifyRequest;
        const { status, text } = await receive(receiver, raw, originalUrl, [body ?? '']);
        return (reply as FastifyReply)
          .code(status)
          .headers(head(status))
          .send(text === '' ? undefined : text);
      },
    });
  };
}

/** A route of hapi. */
export interface WebhookRoute {
  readonly method: 'POST';
  readonly path: string;
  readonly options: {
    readonly auth: false;
    readonly payload: { readonly parse: false; readonly output: 'data'; readonly maxBytes: number };
  };
  readonly handler: (request: object, toolkit: object) => Promise<never>;
}

interface HapiRequest {
  readonly raw: { readonly req: IncomingMessage };
  readonly payload: unknown;
}

interface HapiToolkit {
  response(text?: string): { code(status: number): { header(name: string, value: string): unknown } };
}

export function hapiWebhook(receiver: Receiver): (path: string) => WebhookRoute {
  return (path) => ({
    method: 'POST',
    path,
    options: { auth: false, payload: { parse: false, output: 'data', maxBytes: receiver.maxBytes } },
    handler: async (given, toolkit) => {
      const { raw, payload } = given as HapiRequest;
      const { status, text } = await receive(receiver, raw.req, raw.req.url ?? '', [payload ?? '']);
      const response = (toolkit as HapiToolkit).response(text === '' ? undefined : text).code(status);
      return response.header('Cache-Control', 'no-store') as never;
    },
  });
}

function head(status: number): Record<string, string> {
  return {
    'Cache-Control': 'no-store',
    ...(status === 204 ? {} : { 'Content-Type': 'text/plain; charset=utf-8' }),
    ...(status === 405 ? { Allow: 'POST' } : {}),
  };
}
