import { inRequest } from '../render/request-start.ts';

/**
 * Middleware that remembers when a request began: data that its handlers read is not older, however long they take.
 * Put it before everything that reads data.
 *
 * @example
 * app.use(requestStart());
 */
export function requestStart(): (request: unknown, response: unknown, next: () => void) => void {
  return (_request, _response, next) => inRequest(Date.now(), next);
}
