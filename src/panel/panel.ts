import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CacheSweeper } from '../sweeper.ts';
import { inTime } from '../util/deadline.ts';
import { watchResponses } from '../views/http/last-word.ts';
import { expressPanel, fastifyPanel, hapiPanel, koaPanel, type PanelServer } from './frameworks.ts';
import { askForWhole, isDocument, takeWish, type Wish } from './http/document-request.ts';
import { holdHtml } from './http/html-answer.ts';
import { PageInspector } from './inspection/page-inspector.ts';
import { checkPanel, type PanelOptions, type PanelSettings } from './options.ts';
import { OwnPages } from './own-pages.ts';
import { PageVisit } from './page-visit.ts';
import { RecentPages } from './recent-pages.ts';

/** How long `authorize` may take, in milliseconds. */
const AUTHORIZE_TIMEOUT = 5_000;

/** Requests that have a visit: a panel that is mounted twice, or another one, does nothing more. */
const visited = new WeakSet<IncomingMessage>();

/** Shows developers which fragments a page is made of, and what became of each. Made by {@link panel}. */
export class Panel {
  /**
   * Middleware for Express. Put it in front of `cacheView` and of everything that renders; behind what `authorize` needs.
   *
   * @example
   * app.use(panel(sweeper).express);
   */
  readonly express: ReturnType<typeof expressPanel>;
  /**
   * A plugin for Fastify. Register it before the routes.
   *
   * @example
   * await app.register(panel(sweeper).fastify);
   */
  readonly fastify: ReturnType<typeof fastifyPanel>;
  /**
   * Middleware for Koa. Put it in front of `cacheView` and of everything that renders; behind what `authorize` needs.
   *
   * @example
   * app.use(panel(sweeper).koa);
   */
  readonly koa: ReturnType<typeof koaPanel>;
  /**
   * A plugin for hapi. It asks `authorize` before hapi knows who the visitor is.
   *
   * @example
   * await server.register(panel(sweeper).hapi);
   */
  readonly hapi: ReturnType<typeof hapiPanel>;
  readonly #settings: PanelSettings;
  readonly #pages = new RecentPages();
  readonly #own: OwnPages;

  constructor(sweeper: CacheSweeper, settings: PanelSettings) {
    // Before anything else changes a response: only so can its head be seen as it is sent.
    watchResponses();
    this.#settings = settings;
    this.#own = new OwnPages(sweeper, this.#pages, settings);
    const server: PanelServer = {
      serve: (...request) => this.#serve(...request),
      enter: (incoming) => this.#enter(incoming),
    };
    this.express = expressPanel(server);
    this.fastify = fastifyPanel(server);
    this.koa = koaPanel(server);
    this.hapi = hapiPanel(server);
  }

  #serve<T>(
    incoming: IncomingMessage,
    response: ServerResponse,
    target: string,
    request: unknown,
    next: () => T,
    inspector?: PageInspector,
  ): T | Promise<Awaited<T> | undefined> {
    // The site must see no other cookie than without the panel, also where scripts ask.
    const wish = takeWish(incoming);
    const isOwn = this.#own.has(target);
    if (!isOwn && (!isDocument(incoming) || visited.has(incoming))) return next();
    return this.#serveIfAllowed({ incoming, response, target, request, wish, inspector }, isOwn, next);
  }

  async #serveIfAllowed<T>(
    { incoming, response, target, request, wish, inspector = new PageInspector() }: Asked,
    isOwn: boolean,
    next: () => T,
  ): Promise<Awaited<T> | undefined> {
    const isAllowed = await this.#isAllowed(request);
    if (isOwn) {
      await this.#own.answer(incoming, response, target, isAllowed);
      return undefined;
    }
    // A client that has left while authorize was asked: nothing would tell the end of the visit.
    if (!isAllowed || response.destroyed) return await next();
    visited.add(incoming);
    const visit = new PageVisit(incoming, target, wish, inspector, {
      scriptOf: (page) => this.#own.scriptOf(page),
      sent: (page) => this.#pages.add(page),
      failed: this.#settings.report,
    });
    askForWhole(incoming);
    holdHtml(incoming, response, visit);
    response.once('close', () => inspector.forget());
    return await this.#settings.engine.inspect(inspector, next);
  }

  #enter(incoming: IncomingMessage): PageInspector | undefined {
    if (!isDocument(incoming)) return undefined;
    const inspector = new PageInspector();
    this.#settings.engine.enterInspector(inspector);
    return inspector;
  }

  /** What fails, or takes too long, does not allow anything. */
  async #isAllowed(request: unknown): Promise<boolean> {
    const { authorize, report } = this.#settings;
    if (authorize === undefined) return true;
    try {
      return (await inTime(Promise.resolve(authorize(request)), AUTHORIZE_TIMEOUT, false)) === true;
    } catch (error) {
      report(error);
      return false;
    }
  }
}

interface Asked {
  readonly incoming: IncomingMessage;
  readonly response: ServerResponse;
  readonly target: string;
  readonly request: unknown;
  readonly wish: Wish | undefined;
  readonly inspector: PageInspector | undefined;
}

/**
 * Shows developers, on the pages of a site, which fragments were found, which were not and why, and what that took; at
 * `/__cachesweeper` what the whole cache does. For development: with `NODE_ENV=production` it needs `authorize`.
 *
 * @returns middleware for Express, Fastify, Koa and hapi
 * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value; CACHESWEEPER_PANEL in production
 * without `authorize`
 *
 * @example
 * if (process.env.NODE_ENV !== 'production') app.use(panel(sweeper).express);
 */
export function panel<R = never>(sweeper: CacheSweeper, options: PanelOptions<R> = {}): Panel {
  return new Panel(sweeper, checkPanel(sweeper, options));
}
