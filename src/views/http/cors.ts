import type { ServerResponse } from 'node:http';
import { text } from './header-text.ts';
import { varyNames } from './response-rules.ts';

/**
 * Adds Origin to Vary if the response allows the very origin that asks. What allows one of several without saying so
 * would allow the same one for all.
 */
export function varyByOrigin(response: ServerResponse, origin: string | undefined): void {
  if (origin === undefined || response.getHeader('access-control-allow-origin') !== origin) return;
  const vary = text(response.getHeader('vary'));
  if (!varyNames({ vary }).includes('origin')) response.setHeader('Vary', vary === '' ? 'Origin' : `${vary}, Origin`);
}
