import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { type SiteOptions, site } from './site.ts';

/** What a page of this visitor is rendered with; everything else is the same for all. */
export function visitor(name: string, id: number): object {
  return {
    user: { id, name, isAdmin: false },
    csrfToken: () => `token of ${name}`,
    flash: (kind: string) => `${kind} for ${name}`,
    session: { id: `s${id}`, user: { id, name } },
    req: { params: { slug: name }, user: { id, name } },
    // For the tests that ask for the visitor's data by a name that is not private.
    names: { 1: { first: 'Ann' }, 2: { first: 'Bob' } },
    article: new Article(1),
    comment: new Comment(7),
    authors: [new Article(5, 'an author')],
    layout: 'base.njk',
    chosen: 'chosen.njk',
    yes: true,
    no: false,
    kind: 'b',
  };
}

/** What Bob gets from a site that Ann visited first, and what he gets from one where he is alone. */
export async function secondAndOnlyVisitor(
  templates: string | Templates,
  options?: SiteOptions,
): Promise<{ readonly second: string; readonly only: string; readonly first: string }> {
  const { render } = site(templates, options);
  const first = await render(visitor('Ann', 1));
  const second = await render(visitor('Bob', 2));
  const off = { ...options, sweeper: { ...options?.sweeper, enabled: false } };
  return { first, second, only: await site(templates, off).render(visitor('Bob', 2)) };
}

/** The html that Bob gets after Ann was there. */
export async function secondVisitorSees(templates: string | Templates, options?: SiteOptions): Promise<string> {
  const { render } = site(templates, options);
  const first = await render(visitor('Ann', 1));
  if (!first.includes('Ann')) throw new Error(`the page does not even show Ann her own name: ${first}`);
  return render(visitor('Bob', 2));
}
