import { LRUCache } from 'lru-cache';
import { CacheSweeperError } from '../../errors.ts';
import type { Loading } from '../../render/loading.ts';
import { ownPartsOf } from '../../sweeper/parts.ts';
import type { CacheSweeper } from '../../sweeper.ts';
import { badOption } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { parsedUrl } from '../http-exchange.ts';
import { ResourceNames } from '../resource-names.ts';
import { expressWebhook, fastifyWebhook, hapiWebhook, koaWebhook } from './frameworks.ts';
import { checkWebhook, type WebhookOptions, type WebhookSettings } from './options.ts';
import type { WebhookRequest } from './schemes.ts';
import { hasToken, validSignature } from './signature.ts';

/** What a webhook answers. */
export interface WebhookAnswer {
  /** 204: invalidated. 400: no JSON. 401: not signed. 405: no POST. 409: a replay. 413: too large. 500: `models` has failed. 503: not acknowledged. */
  readonly status: number;
  /** Says why; empty for 204. */
  readonly text: string;
}

/** Signatures of one process that are remembered, to refuse replays. */
const MAX_SEEN = 10_000;

/** Receives signed requests that say what has changed. */
export class Webhook {
  readonly #sweeper: CacheSweeper;
  readonly #loading: Loading;
  readonly #settings: WebhookSettings;
  readonly #seen = new LRUCache<string, true>({ max: MAX_SEEN });

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
  constructor(sweeper: CacheSweeper, settings: WebhookSettings) {
    this.#settings = settings;
    const { loading } = ownPartsOf('webhook()', sweeper);
    this.#sweeper = sweeper;
    this.#loading = loading;
    const receiver = {
      maxBytes: settings.maxBytes,
      receive: this.receive,
      report: (error: unknown) => loading.report(error),
    };
    this.express = expressWebhook(receiver);
    this.fastify = fastifyWebhook(receiver);
    this.koa = koaWebhook(receiver);
    this.hapi = hapiWebhook(receiver);
  }

  /**
   * A handler for Express, and for Node's own server. Put it before parsers of bodies.
   *
   * @example
   * app.post('/hooks/cms', hook.express);
   */
  readonly express: ReturnType<typeof expressWebhook>;
  /**
   * A plugin for Fastify.
   *
   * @example
   * await app.register(hook.fastify, { url: '/hooks/cms' });
   */
  readonly fastify: ReturnType<typeof fastifyWebhook>;
  /**
   * Middleware for Koa. Put it before parsers of bodies.
   *
   * @example
   * router.post('/hooks/cms', hook.koa);
   */
  readonly koa: ReturnType<typeof koaWebhook>;
  /**
   * A route for hapi.
   *
   * @example
   * server.route(hook.hapi('/hooks/cms'));
   */
  readonly hapi: ReturnType<typeof hapiWebhook>;

  /** Judges one request, invalidates what it names, and returns what to answer. For any other server. Never rejects. */
  readonly receive = async (request: WebhookRequest): Promise<WebhookAnswer> => {
    if (request.method !== 'POST') return answer(405, 'expected POST');
    if (request.body.length > this.#settings.maxBytes) return answer(413, 'the body is too large');
    const seen = this.#signatureOf(request);
    if (typeof seen === 'object') return seen;
    if (seen !== '') {
      if (this.#seen.has(seen)) return answer(409, 'it was received before');
      // What fails is sent again.
      this.#seen.set(seen, true);
    }
    const answered = await this.#carryOut(request);
    if (answered.status >= 500) this.#seen.delete(seen);
    return answered;
  };

  /** Returns by what a replay is known, empty where it cannot be; or the answer if it is not signed. */
  #signatureOf(request: WebhookRequest): string | WebhookAnswer {
    const { scheme, secrets, tolerance } = this.#settings;
    if (scheme === undefined) {
      return hasToken(request.headers['authorization'], secrets) ? '' : answer(401, 'another token');
    }
    let signature: Buffer | undefined;
    try {
      signature = validSignature(request, scheme, secrets);
    } catch (error) {
      // The site's scheme may fail for what anybody sends.
      this.#loading.report(error);
    }
    if (signature === undefined) return answer(401, 'no signature of it');
    if (scheme.timestamp === undefined) return '';
    const time = timeOf(request.headers[scheme.timestamp]);
    const isNow = Math.abs(this.#loading.now() - time) <= tolerance;
    return isNow ? signature.toString('base64') : answer(401, 'it was not sent now');
  }

  async #carryOut(request: WebhookRequest): Promise<WebhookAnswer> {
    let payload: unknown;
    try {
      payload = JSON.parse(request.body.toString());
    } catch {
      return answer(400, 'the body is no JSON');
    }
    try {
      const models = await this.#settings.models(payload as never, request);
      const list: readonly unknown[] = models === undefined || models === null ? [] : [models].flat();
      const transaction = this.#sweeper.beginTransaction({ strict: true });
      transaction.because('webhook', () => {
        for (const url of list.filter((model) => model instanceof URL)) {
          if (parsedUrl(url) === undefined)
            throw badOption('models of webhook()', 'urls of HTTP', describe(url.protocol));
          transaction.collect({ names: new ResourceNames(url).written, conditional: new Map() });
        }
        transaction.invalidateCacheFor(list.filter((model) => !(model instanceof URL)));
      });
      await transaction.commit();
    } catch (error) {
      this.#loading.report(error);
      const isStore = error instanceof CacheSweeperError && error.code === 'CACHESWEEPER_BUMP_FAILED';
      return isStore ? answer(503, 'the store has not acknowledged it') : answer(500, 'it could not be carried out');
    }
    return answer(204, '');
  }
}

function answer(status: number, text: string): WebhookAnswer {
  return { status, text };
}

/** Returns a time in milliseconds since 1970; NaN if the text is none. */
function timeOf(text: string | undefined): number {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return Date.parse(text ?? '');
  const time = Number(text);
  // Seconds are less than this until the year 5138, and milliseconds are more since 1973.
  return time < 1e11 ? time * 1_000 : time;
}

/**
 * Receives what another program has changed: a signed POST, of a CMS or of a service of your own, invalidates what it names.
 *
 * @returns handlers for Express, Fastify, Koa and hapi, and `receive` for all else
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
 *
 * @example
 * const hook = webhook(sweeper, {
 *   secret: process.env.CMS_SECRET,
 *   models: ({ type, id }) => ({ type, id }),
 * });
 * app.post('/hooks/cms', hook.express);
 */
export function webhook<P = Readonly<Record<string, unknown>>>(
  sweeper: CacheSweeper,
  options: WebhookOptions<P>,
): Webhook {
  return new Webhook(sweeper, checkWebhook(sweeper, options));
}
