import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';

/** A page: its fragments in order; each may have others inside, and may load by rendering another page. */
export interface Fragment {
  readonly id: number;
  readonly inside: readonly Fragment[];
  /** Whether it loads before the fragments inside, after them, or renders a page of them in its lazy. */
  readonly loads: 'before' | 'after' | 'by rendering' | 'not';
}

const FRAGMENTS = 6;

const { fragment } = fc.letrec<{ fragment: Fragment }>((tie) => ({
  fragment: fc.record({
    id: fc.nat({ max: FRAGMENTS - 1 }),
    inside: fc.oneof({ maxDepth: 3 }, fc.constant([] as Fragment[]), fc.array(tie('fragment'), { maxLength: 3 })),
    loads: fc.constantFrom('before', 'after', 'by rendering', 'not'),
  }),
}));
/** Pages of such fragments. */
export const pages: fc.Arbitrary<readonly (readonly Fragment[])[]> = fc.array(
  fc.array(fragment, { minLength: 1, maxLength: 4 }),
  { minLength: 2, maxLength: 12 },
);

/** Writes a template, unless it is there, and returns its name. Equal fragments stand in one template, so that pages share them. */
function named(source: string, templates: Record<string, string>): string {
  const known = Object.keys(templates).find((name) => templates[name] === source);
  const name = known ?? `t${Object.keys(templates).length}.njk`;
  templates[name] = source;
  return name;
}

/** Writes the templates of a page; what is rendered by a lazy is a page of its own. */
export function write(page: readonly Fragment[], templates: Record<string, string>): string {
  const includes = page.map(({ id, inside, loads }) => {
    const inner = inside.length === 0 ? undefined : write(inside, templates);
    const load = `{{ load("m${id}") }}`;
    const own = inner === undefined ? '' : `{% include "${inner}" %}`;
    const body = {
      before: load + own,
      after: own + load,
      not: own,
      'by rendering': inner === undefined ? load : `{{ part("${inner}") | safe }}`,
    }[loads];
    return `{% include "${named(`{% cachesweeper m${id} 500 %}${body}{% endcachesweeper %}`, templates)}" %}`;
  });
  return named(includes.join(''), templates);
}

const models = Object.fromEntries(Array.from({ length: FRAGMENTS }, (_, i) => [`m${i}`, new Article(i)]));
const later = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

/** A process of a site of these pages, and how often it has loaded. */
export function site(templates: Record<string, string>, options: object) {
  const env = new nunjucks.Environment(new ObjectLoader(templates) as nunjucks.ILoader, { autoescape: true });
  const sweeper = new CacheSweeper(options);
  sweeper.install(env);
  let loads = 0;
  const render = (name: string): Promise<string> =>
    sweeper.render(env, name, {
      ...models,
      load: lazy(async (model: string) => {
        loads++;
        await later(3);
        return model;
      }),
      part: lazy(async (part: string) => {
        loads++;
        await later(1);
        return render(part);
      }),
    });
  return { sweeper, render, loads: () => loads };
}
