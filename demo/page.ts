import type { Request, RequestHandler, Response } from 'express';
import { type FigureKeeper, type Figures, stripContext } from './figures.ts';

/** Where `layout.njk` leaves room for the strip. No text of a visitor can contain it: they are escaped. */
const STRIP = '<!-- strip -->';

/** Renders a page; there is room for the strip in it. */
export async function page(
  req: Request,
  res: Response,
  template: string,
  context: Record<string, unknown> = {},
): Promise<void> {
  res.send(await render(res, template, { ...context, uncached: wantsUncached(req) }));
}

/**
 * Express middleware that puts the strip into every page: it says how the page was made, so it is another one for each
 * request. That is why it stands outside of the cache, which keeps pages with room for it.
 */
export function strips(keeper: FigureKeeper): RequestHandler {
  return (req, res, next) => {
    const figures = keeper.current;
    const end = res.end.bind(res) as (body?: unknown, encoding?: unknown) => Response;
    res.end = ((body?: unknown, encoding?: unknown) => {
      const html = typeof body === 'string' || Buffer.isBuffer(body) ? body.toString() : '';
      if (!html.includes(STRIP)) return end(body, encoding);
      strip(req, res, figures).then(
        (text) => {
          const whole = html.replace(STRIP, () => text);
          // No two answers are the same bytes.
          res.removeHeader('ETag');
          res.removeHeader('Last-Modified');
          res.set('Content-Length', String(Buffer.byteLength(whole)));
          end(whole, 'utf8');
        },
        () => end(body, encoding),
      );
      return res;
    }) as Response['end'];
    next();
  };
}

function strip(req: Request, res: Response, figures: Figures): Promise<string> {
  const context = stripContext(figures, res.get('X-Cache') === 'hit');
  return render(res, 'strip.njk', { ...context, ...links(req) });
}

/** True if this page, or the page that a form was sent from, was asked for without the cache. */
export function wantsUncached(req: Request): boolean {
  const url = req.method === 'POST' ? (req.get('referer') ?? '') : req.originalUrl;
  return URL.canParse(url, 'http://site') && new URL(url, 'http://site').searchParams.has('uncached');
}

function links(req: Request): Record<string, unknown> {
  // The answer to a form that could not be accepted has the form's own address, which cannot be read again.
  const path = req.method === 'GET' ? req.path : (req.res?.locals.page ?? '/');
  return { path, uncached_page: wantsUncached(req), compare: `/compare?path=${encodeURIComponent(path)}` };
}

function render(res: Response, template: string, context: Record<string, unknown>): Promise<string> {
  return new Promise((resolve, reject) => {
    res.render(template, context, (error, html) => (error ? reject(error) : resolve(html)));
  });
}
