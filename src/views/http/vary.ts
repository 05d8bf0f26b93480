import type { ServerResponse } from 'node:http';
import { text } from './header-text.ts';
import { varyNames } from './response-rules.ts';
import { isName } from './sound-view.ts';

/** Adds names of request headers to a response's Vary. */
export function addVary(response: ServerResponse, names: Iterable<string>): void {
  const vary = text(response.getHeader('vary'));
  const whole = varyWith(vary, names);
  if (whole !== vary) response.setHeader('Vary', whole);
}

/**
 * Returns a Vary with more names of request headers. What cannot be a header's name is left out: no client can send it.
 */
export function varyWith(vary: string, names: Iterable<string>): string {
  const there = new Set(varyNames({ vary }));
  if (there.has('*')) return vary;
  const added = [...names].filter((name) => isName(name.toLowerCase()) && !there.has(name.toLowerCase()));
  return [...(vary === '' ? [] : [vary]), ...added].join(', ');
}
