import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { text } from '../views/http/header-text.ts';
import { hasOtherBase } from './http/base.ts';
import { isHardReload, nextWish, type Wish } from './http/document-request.ts';
import type { AnswerEvents } from './http/html-answer.ts';
import { scriptPolicy } from './http/policy.ts';
import type { PageInspector } from './inspection/page-inspector.ts';
import { type NumberedUse, numbered, PageReport } from './inspection/page-report.ts';
import { CommentPlaces } from './marks/comment-places.ts';
import { inserted } from './marks/insertions.ts';
import { marksOf } from './marks/marked-html.ts';

/** What a visit tells the panel. */
interface VisitEvents {
  /** Returns the address of the script for a page. */
  scriptOf(page: PageReport): string;
  sent(page: PageReport): void;
  failed(error: unknown): void;
}

/** Html that is a whole page, where the browser does not say what it is for. */
const WHOLE = /<(?:!doctype\s+html|html|\/body)\b/i;

const NO_SCRIPT = 'its Content-Security-Policy allows no script of this site, and has no nonce';
const OTHER_BASE = 'its <base> is of another site';
const NO_END = 'its html ends within a tag, a comment or a text';

/** One request for a page by who may see the panel. */
export class PageVisit implements AnswerEvents {
  readonly inspector: PageInspector;
  readonly #target: string;
  readonly #events: VisitEvents;
  readonly #wish: Wish | undefined;
  readonly #incoming: IncomingMessage;
  readonly #time = Date.now();
  readonly #started = performance.now();

  /**
   * @param target path and query of the request
   * @param inspector looks on at what is rendered from here on
   */
  constructor(
    incoming: IncomingMessage,
    target: string,
    wish: Wish | undefined,
    inspector: PageInspector,
    events: VisitEvents,
  ) {
    this.#incoming = incoming;
    this.#target = target;
    this.#events = events;
    this.#wish = wish;
    const isUncached = this.#wish?.isUncached === true || isHardReload(incoming);
    inspector.start(incoming, isUncached ? 'cache' : this.#wish?.hasMarks ? 'views' : 'nothing');
    this.inspector = inspector;
  }

  page(html: string, response: ServerResponse): string | undefined {
    const { headers } = this.#incoming;
    if (headers['sec-fetch-dest'] === undefined && !WHOLE.test(html)) return undefined;
    const { tree, all } = numbered(this.inspector.uses);
    const places = new CommentPlaces(html);
    const at = places.bodyEnd ?? html.length;
    const host = headers.host ?? text(headers[':authority']);
    const policy = scriptPolicy(response.getHeader('content-security-policy'), host, html);
    if (policy === 'refused' || hasOtherBase(html, host) || !places.has(at)) {
      this.#report(response, all, undefined, policy === 'refused' ? NO_SCRIPT : places.has(at) ? OTHER_BASE : NO_END);
      return undefined;
    }
    const secret = randomBytes(12).toString('hex');
    const marks = this.#wish?.hasMarks ? marksOf(html, places, tree, secret) : undefined;
    const page = this.#report(response, all, marks && { secret, marked: marks.marked }, undefined);
    const nonce = policy.nonce === undefined ? '' : ` nonce="${policy.nonce}"`;
    const script = { at, text: `<script src="${this.#events.scriptOf(page)}"${nonce} async></script>` };
    return inserted(html, [...(marks?.insertions ?? []), script]);
  }

  get cookie(): string | undefined {
    return this.#wish && nextWish(this.#wish);
  }

  failed(error: unknown): void {
    this.#events.failed(error);
  }

  #report(
    response: ServerResponse,
    uses: readonly NumberedUse[],
    marks: { readonly secret: string; readonly marked: readonly number[] } | undefined,
    stripRefused: string | undefined,
  ): PageReport {
    const page = new PageReport(this.inspector, uses, {
      target: this.#target,
      time: this.#time,
      status: response.statusCode,
      milliseconds: performance.now() - this.#started,
      marks,
      stripRefused,
    });
    this.#events.sent(page);
    return page;
  }
}
