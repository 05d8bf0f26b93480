import type { GetOrSet } from './get-or-set.ts';
import { type Comment, comments, contextOf, environment, sent } from './page.ts';

/** Each fragment by the cache, all at one time; a page that prints them. */
export function pageAround(cache: GetOrSet): () => Promise<number> {
  const fragments = environment('uncached');
  const page = environment('ready strings');
  const context = contextOf(comments);
  const fragment = (comment: Comment) =>
    cache.getOrSet(`comment-${comment.id}`, () => fragments.render('comment.njk', { comment }));
  return async () => {
    const html = await Promise.all(comments.map(fragment));
    return sent(page.render('page.njk', { ...context, html }));
  };
}
