import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { CacheSweeperError, type CacheSweeperOptions, type Store } from 'nunjucks-cachesweeper';
import { type Change, type Instances, type Save, World } from './data.ts';
import { seed, seeds } from './seeds.ts';
import { plainEnvironment, Site, type Stores, type Style } from './site.ts';
import { type Sources, write } from './templates.ts';

/** One page, and what happens before it. */
export interface Step {
  readonly saves: readonly Save[];
  readonly changes: readonly Change[];
  /** Which process, and how it renders. */
  readonly by: number;
}

export interface Case {
  readonly sources: Sources;
  readonly style: Style;
  readonly stores: Stores;
  readonly instances: Instances;
  readonly keys: boolean;
  readonly steps: readonly Step[];
}

const number = fc.noBias(fc.nat(9_999));
const change: fc.Arbitrary<Change> = fc.record({ what: number, by: number });
const save: fc.Arbitrary<Save> = fc.record({
  what: number,
  by: number,
  as: fc.constantFrom<Save['as'][]>('row', 'row', 'row', 'type', 'all'),
});
const some = <T>(one: fc.Arbitrary<T>, nothing: number): fc.Arbitrary<readonly T[]> =>
  fc.oneof(
    { weight: nothing, arbitrary: fc.constant<readonly T[]>([]) },
    { weight: 1, arbitrary: fc.noBias(fc.array(one, { minLength: 1, maxLength: 2, size: 'max' })) },
  );
const step: fc.Arbitrary<Step> = fc.record({ saves: some(save, 2), changes: some(change, 1), by: number });

const base = fc.option(seeds(2, 3), { nil: undefined, freq: 1 });

/** A site, and what its visitors ask for. */
export const cases: fc.Arbitrary<Case> = fc.record({
  sources: fc.record({
    page: seeds(3, 4),
    parts: fc.tuple(seeds(2, 2), seeds(1, 2)),
    leaves: fc.tuple(seeds(1, 2), seeds(1, 2)),
    library: seeds(2, 2),
    contextLibrary: fc.tuple(seed(1), seed(2)),
    component: seeds(1, 2),
    base,
  }),
  style: fc.record({
    autoescape: fc.constantFrom(true, true, false),
    delimiters: fc.constantFrom(false, false, true),
    trimBlocks: fc.boolean(),
    lstripBlocks: fc.boolean(),
    from: fc.constantFrom('loader' as const, 'precompiled' as const, 'minified' as const),
  }),
  stores: fc.constantFrom<Stores[]>('memory', 'memory and store', 'store', 'two processes'),
  instances: fc.constantFrom<Instances[]>('same', 'same', 'fresh', 'many'),
  keys: fc.boolean(),
  steps: fc.noBias(fc.array(step, { minLength: 6, maxLength: 12, size: 'max' })),
});

/** What came of all cases. */
export class Tally {
  cases = 0;
  skipped = 0;
  pages = 0;
  /** Pages that Nunjucks alone does not render either, by what it says. */
  readonly failures = new Map<string, number>();
  hits = 0;
  misses = 0;
  /** Fragments that were not stored, by reason. */
  readonly uncached = new Map<string, number>();
  readonly refusals = new Map<string, number>();

  get fragments(): number {
    return this.hits + this.misses + [...this.uncached.values()].reduce((a, b) => a + b, 0);
  }

  get failing(): number {
    return [...this.failures.values()].reduce((a, b) => a + b, 0);
  }

  toString(): string {
    const { cases, skipped, pages, failing, fragments, hits, misses, uncached, refusals, failures } = this;
    return JSON.stringify({
      ...{ cases, skipped, pages, failing, fragments, hits, misses },
      uncached: Object.fromEntries(uncached),
      refusals: Object.fromEntries(refusals),
      failures: Object.fromEntries(failures),
    });
  }
}

/** A page that is not what Nunjucks alone renders. */
export class Mismatch extends Error {
  readonly #used: ReadonlySet<string>;
  constructor(message: string, used: ReadonlySet<string>) {
    super(message);
    this.#used = used;
  }

  /** The constructs of its templates. */
  get used(): ReadonlySet<string> {
    return this.#used;
  }
}

const documented = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
/** What no template can be blamed for: the generator gives all tags models, and waits where it must. */
const NEVER: readonly string[] = [
  'NO_IDENTITY',
  'BAD_KEY',
  'BAD_TAG',
  'BAD_TTL',
  'NO_PROGRESS',
  'TYPE_CONFLICT',
  'CLOSED',
]
  .concat(['LAZY_NEEDS_CALLBACK', 'LAZY_NOT_CALLED', 'LAZY_OUTSIDE_RENDER', 'STORE_UNREACHABLE', 'BUMP_FAILED'])
  .map((name) => `CACHESWEEPER_${name}`);

/** The code of an error by which the sweeper says that something cannot be cached. */
function refusal(error: unknown): string | undefined {
  if (!(error instanceof CacheSweeperError)) return undefined;
  // A component sees none of the page's variables, and a macro that it hands one of these on to has nothing to name.
  const isOfNothing = error.code === 'CACHESWEEPER_NO_IDENTITY' && error.message.includes('got undefined');
  if (NEVER.includes(error.code) && !isOfNothing) return undefined;
  return documented.includes(`\`${error.code}\``) ? error.code : undefined;
}

type Result = { readonly html: string } | { readonly error: unknown };

async function resultOf(render: () => Promise<string> | string): Promise<Result> {
  try {
    return { html: await render() };
  } catch (error) {
    return { error };
  }
}

const count = (counts: Map<string, number>, name: string) => counts.set(name, (counts.get(name) ?? 0) + 1);
const shown = (result: Result) => ('html' in result ? result.html : `throws ${result.error}`);

/**
 * @param openStore makes a client of the one store of all processes; default: a store in this process
 * @throws Mismatch
 */
export async function runCase(
  one: Case,
  options: CacheSweeperOptions,
  tally: Tally,
  openStore?: () => Store,
): Promise<void> {
  const { templates, used } = write(one.sources, one.keys);
  const { style, stores, instances } = one;
  const world = new World(instances);
  const plain = plainEnvironment(templates, style);
  const history: string[] = [];
  tally.cases++;
  const refused = (error: unknown): boolean => {
    const code = refusal(error);
    if (code === undefined) return false;
    tally.skipped++;
    count(tally.refusals, code);
    return true;
  };
  const fail = (what: string): never => {
    const text = Object.entries(templates)
      .filter(([, source]) => source !== '')
      .map(([name, source]) => `--- ${name}\n${source}`);
    throw new Mismatch([what, JSON.stringify({ style, stores, instances }), ...text, ...history].join('\n'), used);
  };

  let site: Site;
  try {
    site = new Site(templates, style, stores, options, openStore);
  } catch (error) {
    const expected = await resultOf(() => plain.render('page.njk', world.context(false)));
    if (refused(error) || 'error' in expected) return;
    return fail(`does not compile: ${error}`);
  }
  for (const [at, step] of one.steps.entries()) {
    for (const save of step.saves) await world.save(save, site.process(step.by).sweeper);
    for (const change of step.changes) world.vary(change);
    history.push(`step ${at}: ${JSON.stringify(step)}`);
    site.pause();
    const expected = await resultOf(() => plain.render('page.njk', world.context(false)));
    const got = await resultOf(() => site.render(world.context(true), step.by));
    tally.pages++;
    if ('error' in expected) count(tally.failures, String(expected.error).split('\n').at(-1) ?? '');
    if ('error' in got && refused(got.error)) return;
    const isEqual =
      'html' in expected
        ? 'html' in got && got.html === expected.html
        : 'error' in got && !(got.error instanceof CacheSweeperError);
    if (!isEqual) fail(`page ${at}:\nexpected ${shown(expected)}\ngot      ${shown(got)}`);
    if (site.errors.length > 0) fail(`page ${at} is right, and somebody was told: ${site.errors[0]}`);
  }
  for (const { outcome, reason } of site.reports.flatMap(({ fragments }) => fragments)) {
    if (outcome === 'hit') tally.hits++;
    else if (outcome === 'miss') tally.misses++;
    else count(tally.uncached, reason ?? 'no reason');
  }
}
