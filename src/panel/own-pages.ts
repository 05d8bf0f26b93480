import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Identity } from '../model/identity.ts';
import { bumpedNames, ownName } from '../model/names.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { inTime } from '../util/deadline.ts';
import { PAGE_SCRIPT } from './assets/page-script.ts';
import { STRIP_SCRIPT } from './assets/strip-script.ts';
import { STRIP_STYLE } from './assets/strip-style.ts';
import { STYLE } from './assets/style.ts';
import { isFromElsewhere, isFromPanel } from './http/same-origin.ts';
import type { PageReport } from './inspection/page-report.ts';
import type { PanelSettings } from './options.ts';
import type { RecentPages } from './recent-pages.ts';
import { statsPage } from './stats-page.ts';

interface Answer {
  readonly status: number;
  readonly type: 'text/html' | 'text/javascript' | 'text/css' | 'text/plain';
  readonly text: string;
}

/** How long a strip waits until the store has told who invalidated what, in milliseconds. */
const CAUSE_TIMEOUT = 250;

const NOT_FOUND: Answer = { status: 404, type: 'text/plain', text: 'Not Found' };
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Answers requests to the panel's own addresses. */
export class OwnPages {
  readonly #sweeper: CacheSweeper;
  readonly #pages: RecentPages;
  readonly #settings: PanelSettings;
  /** Known to the panel's scripts alone; without it nothing can be invalidated. */
  readonly #token = randomBytes(24).toString('hex');

  constructor(sweeper: CacheSweeper, pages: RecentPages, settings: PanelSettings) {
    this.#sweeper = sweeper;
    this.#pages = pages;
    this.#settings = settings;
  }

  /** Whether a path, with its query, is one of the panel's. */
  has(target: string): boolean {
    const { path } = this.#settings;
    return target.startsWith(path) && /^(?:$|[/?])/.test(target.slice(path.length));
  }

  /** Returns the address of the strip's script on a page. */
  scriptOf({ id }: PageReport): string {
    return `${this.#settings.path}/strip/${id}.js`;
  }

  async answer(incoming: IncomingMessage, response: ServerResponse, target: string, isAllowed: boolean): Promise<void> {
    const [path = ''] = target.slice(this.#settings.path.length).split('?', 1);
    const { status, type, text } = isAllowed && !isFromElsewhere(incoming) ? await this.#of(incoming, path) : NOT_FOUND;
    const body = Buffer.from(text);
    response.writeHead(status, {
      'Content-Type': `${type}; charset=utf-8`,
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'Content-Security-Policy': POLICY,
      'Cross-Origin-Resource-Policy': 'same-origin',
      'X-Content-Type-Options': 'nosniff',
    });
    response.end(incoming.method === 'HEAD' ? undefined : body);
  }

  async #of(incoming: IncomingMessage, path: string): Promise<Answer> {
    const button = /^\/pages\/(\w+)\/(?:fragments\/(\d{1,4})\/invalidate|view\/(invalidate|expire))$/.exec(path);
    if (button !== null) {
      const [, id = '', number, ofView] = button;
      return this.#press(incoming, this.#actionOf(id, number === undefined ? 'view' : Number(number), ofView));
    }
    if (incoming.method !== 'GET' && incoming.method !== 'HEAD') return NOT_FOUND;
    const script = /^\/strip\/(\w+)\.js$/.exec(path);
    if (script !== null) return this.#strip(script[1] as string);
    switch (path) {
      case '':
        return { status: 200, type: 'text/html', text: statsPage(this.#sweeper, this.#pages.all, this.#settings.path) };
      case '/page.js':
        return { status: 200, type: 'text/javascript', text: PAGE_SCRIPT };
      case '/page.css':
        return { status: 200, type: 'text/css', text: STYLE };
      default:
        return NOT_FOUND;
    }
  }

  async #strip(id: string): Promise<Answer> {
    const page = this.#pages.get(id);
    if (page === undefined) return NOT_FOUND;
    if (page.isIncomplete) await inTime(this.#sweeper.idle(), CAUSE_TIMEOUT, undefined);
    const { path } = this.#settings;
    const given = JSON.stringify({ id, path, token: this.#token, style: STRIP_STYLE });
    return { status: 200, type: 'text/javascript', text: `(${STRIP_SCRIPT})(${page.asJson()}, ${given});\n` };
  }

  /**
   * Returns what a button of a page's strip does; undefined if there is nothing to do it to.
   *
   * @param of a fragment, or the whole view
   */
  #actionOf(id: string, of: number | 'view', name = 'invalidate'): (() => Promise<unknown>) | undefined {
    const page = this.#pages.get(id);
    if (name === 'expire') {
      const path = page?.viewPath;
      return path === undefined ? undefined : () => this.#sweeper.expireView(path);
    }
    const models = page?.modelsOf(of);
    return models?.length ? () => this.#invalidate(models) : undefined;
  }

  async #press(incoming: IncomingMessage, act: (() => Promise<unknown>) | undefined): Promise<Answer> {
    if (incoming.method !== 'POST') return { status: 405, type: 'text/plain', text: 'expected POST' };
    if (!isFromPanel(incoming, this.#token)) {
      return {
        status: 403,
        type: 'text/plain',
        text: 'expected a request of a page of this site, with the token of this process: reload it',
      };
    }
    if (act === undefined)
      return { status: 404, type: 'text/plain', text: 'no entry of this page is known: reload it' };
    try {
      await act();
    } catch (error) {
      this.#settings.report(error);
      return { status: 503, type: 'text/plain', text: error instanceof Error ? error.message : 'it has failed' };
    }
    return { status: 200, type: 'text/plain', text: 'invalidated' };
  }

  async #invalidate(models: readonly Identity[]): Promise<void> {
    const transaction = this.#sweeper.beginTransaction({ strict: true });
    // A list by its own name: without an id a model would mean all rows of its type.
    const names = models.flatMap((model) => (model.id === undefined ? [ownName(model)] : bumpedNames(model)));
    transaction.collect({ names: new Set(names), conditional: new Map() });
    await transaction.commit();
  }
}
