import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, type RenderReport } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect } from 'vitest';
import type { StoreCall, StoreItem } from '../../src/stores/store.ts';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { sized } from '../support/long.ts';
import { Article, Comment } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { plainEnvironment } from './plain-holes.ts';

/** What all pages of one visitor are rendered with. Texts that only this visitor may see contain `secret`. */
export type Page = Record<string, unknown>;

export function pageOf(secret: string, i: number): Page {
  return {
    user: { name: `${secret}-name`, isAdmin: i === 1 },
    csrfToken: `${secret}-token`,
    visit: i,
    own: `${secret}-own`,
    // The same for the first visitor as what templates set, and another value for the others.
    chance: i === 0 ? 'T' : `U${i}`,
    unset: i === 0 ? undefined : `set${i}`,
    article: new Article(1, 'T'),
    other: new Article(2, 'O'),
    comments: [new Comment(7), new Comment(8)],
    names: ['p', 'q'],
    yes: true,
    title: 'T',
    included: 'i.njk',
    module: 'm.njk',
  };
}

export const SECRETS = ['ann-secret', 'bobby-secret', 'cy-secret'];
const ORDERS = [
  [0, 1, 2, 0, 1, 2],
  [2, 2, 1, 0, 1],
  [1, 0, 0, 2, 1],
];

/** A store whose entries a test can read as text. */
class ReadableStore extends TestingStore {
  readonly texts: string[] = [];

  override setMany(kind: 'token' | 'entry', items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    for (const { value } of items) this.texts.push(Buffer.from(value).toString('utf8'));
    return super.setMany(kind, items, call);
  }
}

export const KINDS = ['memory', 'a store', 'a store and memory'] as const;
export type Kind = (typeof KINDS)[number];

export interface AttackOptions {
  readonly kinds?: readonly Kind[];
  readonly env?: nunjucks.ConfigureOptions;
  readonly sweeper?: CacheSweeperOptions;
  /** Adds globals, filters and extensions to both environments. */
  readonly helpers?: (env: nunjucks.Environment) => void;
  /** Changes a page, for both environments. */
  readonly page?: (page: Page, i: number) => Page;
  readonly loader?: (templates: Templates) => nunjucks.ILoader;
}

/** What became of the fragments of each page, in one order of visitors; and an error's code in place of a page. */
export type Outcomes = readonly string[];

/**
 * Renders pages of three visitors in several orders, cold and warm, and by Nunjucks alone: each must be the same, unless
 * it is an error of ours. Nothing of a visitor may be in a store.
 *
 * @returns what became of the pages in the first order
 */
export async function attack(source: string | Templates, options: AttackOptions = {}): Promise<Outcomes> {
  const templates = typeof source === 'string' ? { 'p.njk': source } : source;
  const plain = plainEnvironment(templates, { autoescape: true, ...options.env });
  options.helpers?.(plain);
  let first: Outcomes | undefined;
  for (const kind of options.kinds ?? KINDS) {
    for (const order of ORDERS.slice(0, sized(1, ORDERS.length, ORDERS.length))) {
      const outcomes = await inOrder(templates, plain, kind, order, options);
      first ??= outcomes;
    }
  }
  return first as Outcomes;
}

async function inOrder(
  templates: Templates,
  plain: nunjucks.Environment,
  kind: Kind,
  order: readonly number[],
  options: AttackOptions,
): Promise<Outcomes> {
  const store = kind === 'memory' ? undefined : new ReadableStore();
  const reports: RenderReport[] = [];
  const errors: unknown[] = [];
  const sweeper = new CacheSweeper({
    timeout: '10s',
    onRender: (report) => void reports.push(report),
    onError: (error) => void errors.push(error),
    ...(store === undefined ? {} : { store }),
    ...(kind === 'a store' ? { memory: false } : {}),
    ...options.sweeper,
  });
  const loader = options.loader?.(templates) ?? (new ObjectLoader(templates) as nunjucks.ILoader);
  const env = sweeper.install(new nunjucks.Environment(loader, { autoescape: true, ...options.env }));
  options.helpers?.(env);
  const outcomes: string[] = [];
  for (const i of order) {
    const page = () => (options.page ?? ((same: Page) => same))(pageOf(SECRETS[i] as string, i), i);
    const expected = await renderPage(plain, 'p.njk', page()).catch((error: Error) => told(error));
    const before = reports.length;
    const shown = await renderPage(env, 'p.njk', page()).catch((error: Error & { code?: string }) => {
      outcomes.push(error.code ?? 'failed');
      return error.code === undefined ? told(error) : undefined;
    });
    await sweeper.idle();
    if (shown === undefined) continue;
    expect(shown, `visitor ${i} of ${order}, ${kind}`).toBe(expected);
    if (reports.length > before) {
      outcomes.push((reports.at(-1)?.fragments ?? []).map(({ outcome, reason }) => reason ?? outcome).join(' '));
    }
  }
  expect(errors).toEqual([]);
  for (const text of store?.texts ?? []) expect(text).not.toContain('-secret');
  return outcomes;
}

/** An error without what Nunjucks puts before it: ours has the class of the error, too. */
const told = ({ message }: Error): string =>
  `failed: ${message.replace(/(Template render error|CacheSweeperError): /g, '')}`;

/** A fragment around some template text. */
export const F = (body: string, model = 'article', more = ''): string =>
  `{% cachesweeper ${model} 500 ${more} %}${body}{% endcachesweeper %}`;

/** A hole with some content. */
export const U = (content: string, passed = ''): string => `{% uncached ${passed} %}${content}{% enduncached %}`;
