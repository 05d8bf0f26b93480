import { STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import { page } from './page.ts';

export function notFound(): RequestHandler {
  return async (req, res) => {
    res.status(404);
    await page(req, res, 'message.njk', {
      title: 'There is nothing here',
      text: 'The page may have moved, or the address may have a letter too many.',
    });
  };
}

/** A page for every error; those that are not the visitor's are also written to stderr. */
export function failed(): ErrorRequestHandler {
  return (error, _req, res, next) => {
    const status = clientError(error) ?? 500;
    if (status === 500) console.error(error);
    if (res.headersSent) return next(error);
    // Without the strip and without a database, since one of them may be what failed.
    res.status(status).render('message.njk', {
      title: status === 500 ? 'That went wrong' : (STATUS_CODES[status] ?? 'That went wrong'),
      text: status === 500 ? 'The fault is ours. Please try again in a moment.' : 'We could not read what was sent.',
    });
  };
}

/** The status of an error that the request itself has caused, as Express and its body parser mark them. */
function clientError(error: unknown): number | undefined {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status >= 400 && status < 500 ? status : undefined;
}
