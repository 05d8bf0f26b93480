import { inRequest } from '../render/request-start.ts';

/**
 * Middleware that remembers when a request began: data that its handlers read is not older, however long they take.
 * Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (context: unknown, next: () => Promise<unknown>) => Promise<unknown> {
  return (_context, next) => inRequest(Date.now(), next);
}
