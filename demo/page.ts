import type { Request, Response } from 'express';
import { type FigureKeeper, stripContext } from './figures.ts';

/** Where `layout.njk` leaves room for the strip. No text of a visitor can contain it: they are escaped. */
const STRIP = '<!-- strip -->';

export type Page = (req: Request, res: Response, template: string, context?: Record<string, unknown>) => Promise<void>;

/**
 * Renders pages with the strip that says how they were made. Its figures exist only after the page is rendered, so the strip
 * is rendered next and put into the finished html.
 */
export function pageWithStrip(keeper: FigureKeeper): Page {
  return async (req, res, template, context = {}) => {
    const figures = keeper.current;
    const html = await render(res, template, { ...context, uncached: wantsUncached(req) });
    const strip = await render(res, 'strip.njk', { ...stripContext(figures), ...links(req) });
    res.send(html.replace(STRIP, () => strip));
  };
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
