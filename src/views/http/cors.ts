import type { ServerResponse } from 'node:http';
import { addVary } from './vary.ts';

/**
 * Adds Origin to Vary if the response allows the very origin that asks. What allows one of several without saying so
 * would allow the same one for all.
 */
export function varyByOrigin(response: ServerResponse, origin: string | undefined): void {
  if (origin !== undefined && response.getHeader('access-control-allow-origin') === origin)
    addVary(response, ['Origin']);
}
