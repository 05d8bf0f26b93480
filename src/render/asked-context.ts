import type { PageContext } from '../options.ts';
import { watched } from '../util/watched.ts';
import type { PageWatch } from './ambient.ts';

/**
 * Returns a page's variables for the functions among the options. In a view, what they read of them counts as if the
 * page had looked it up.
 */
export function askedContext(context: PageContext, watch: PageWatch | undefined): PageContext {
  if (watch === undefined) return context;
  return watched(context, {
    member: (name) => watch.lookedUp(name),
    all: () => watch.lookedUpAll(),
  });
}
