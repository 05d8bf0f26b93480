import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { type Fault, TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { runs } from '../support/long.ts';
import { Comment } from '../support/models.ts';
import { renderPage } from '../support/render.ts';
import { Clock, SETTLED, Site } from './support.ts';

class Story extends Comment {}

/** A piece of a page. What a fragment shows is made from its models, from the pieces in it, and from what was captured. */
type Piece =
  | { readonly is: 'text' | 'long' | 'live' | 'lazy' | 'word' }
  | { readonly is: 'fragment'; readonly model: string; readonly more: string; readonly body: readonly Piece[] }
  | { readonly is: 'capture' | 'loop' | 'eachLoop' | 'slowIf'; readonly body: readonly Piece[] }
  | { readonly is: 'print' | 'printSafe' | 'setSlowly'; readonly which: number }
  | { readonly is: 'depends'; readonly model: string }
  | { readonly is: 'include'; readonly part: number }
  | { readonly is: 'slow'; readonly turns: number };

/** What may stand at a place of a template. */
interface Scope {
  /** Nothing is around it in which Nunjucks, or a fragment, would not wait. */
  readonly isTop: boolean;
  /** The fragment whose body it is; undefined for none. */
  readonly owner: string | undefined;
  /** What may be carried into a fragment holds no data but that of fragments, which can tell what they were made from. */
  readonly isCaptured: boolean;
  readonly isLoop: boolean;
  readonly isPart: boolean;
  /** The variables with captured html that are set here. */
  readonly boxes: readonly string[];
}

const TOP: Scope = { isTop: true, owner: undefined, isCaptured: false, isLoop: false, isPart: false, boxes: [] };
const texts: Readonly<Record<string, string>> = {
  list: '{% for x in rows %}{{ x.text }};{% endfor %}',
  both: '{{ a.text }}{{ b.text }}',
};

/** The sources of a page's templates, with the sweeper's tags or without them. */
function written(page: readonly Piece[], parts: readonly (readonly Piece[])[], isPlain: boolean): Templates {
  let count = 0;
  const write = (pieces: readonly Piece[], scope: Scope): string => {
    let inner = scope;
    const boxed = () => {
      const box = `box${count++}`;
      inner = { ...inner, boxes: [...inner.boxes, box] };
      return box;
    };
    return pieces.map((piece) => one(piece, inner, boxed)).join('');
  };
  const one = (piece: Piece, scope: Scope, boxed: () => string): string => {
    const { isTop, owner, isCaptured, isLoop, isPart, boxes } = scope;
    const below = { ...scope, isTop: false };
    switch (piece.is) {
      case 'text':
        return 't';
      case 'long':
        return '{{ long }}';
      case 'live':
        return owner === undefined && !isCaptured ? '{{ a.text }}' : '';
      case 'lazy':
        if (isCaptured || owner === 'list' || owner === 'both') return '{{ word() }}';
        return `{{ load(${owner ?? 'c'}) }}`;
      case 'word':
        return '{{ word() }}';
      case 'fragment': {
        const model = piece.model === 'r' && !isLoop ? 'b' : piece.model;
        const operand = { list: '"Comment"', both: '[a, b]' }[model] ?? model;
        const shown = `<b>${texts[model] ?? `{{ ${model}.text }}`}</b>`;
        const body = shown + write(piece.body, { ...below, owner: model, isCaptured: false });
        if (isPlain) return body;
        // A type has no attributes.
        const [ttl, ...rest] = piece.more.replace(model === 'list' ? / using=.*/ : '', '').split(' ');
        const words = [operand, ttl, ...(isLoop ? ['r.id'] : []), ...rest];
        return `{% cachesweeper ${words.join(' ')} %}${body}{% endcachesweeper %}`;
      }
      case 'capture': {
        const body = write(piece.body, { ...below, isCaptured: true });
        return `{% set ${boxed()} %}${body}{% endset %}`;
      }
      case 'loop':
      case 'eachLoop': {
        if (isLoop || isPart) return '';
        const isEach = piece.is === 'eachLoop' && isTop;
        const body = write(piece.body, { ...scope, isTop: isEach, isLoop: true });
        return isEach ? `{% asyncEach r in rows %}${body}{% endeach %}` : `{% for r in rows %}${body}{% endfor %}`;
      }
      case 'slowIf':
        return `{% if ${isTop ? '1 | slow(2)' : '1'} %}${write(piece.body, scope)}{% endif %}`;
      case 'print':
      case 'printSafe': {
        const box = boxes.at(-1 - (piece.which % boxes.length));
        return box === undefined ? '' : `[{{ ${box}${piece.is === 'print' ? '' : ' | safe'} }}]`;
      }
      case 'setSlowly': {
        const box = boxes.at(-1 - (piece.which % boxes.length));
        return box === undefined ? '' : `{% set ${boxed()} = ${box}${isTop ? ' | slow(1)' : ' | trim'} %}`;
      }
      case 'depends':
        return owner === undefined || isPlain ? '' : `{% depends ${piece.model} %}`;
      case 'include':
        if (isPart) return '';
        return isLoop && piece.part === 0 ? '{% include "row.njk" %}' : `{% include "part${piece.part}.njk" %}`;
      case 'slow':
        return isTop ? `{{ "s" | slow(${piece.turns}) }}` : 's';
    }
  };
  const row: Piece = { is: 'fragment', model: 'r', more: '60', body: [{ is: 'text' }] };
  const included = (pieces: readonly Piece[]) =>
    write(pieces, { ...TOP, isTop: false, isPart: true, isCaptured: true });
  return {
    'page.njk': write(page, TOP),
    'row.njk': write([row], { ...TOP, isTop: false, isLoop: true, isPart: true }),
    'part0.njk': included(parts[0] ?? []),
    'part1.njk': included(parts[1] ?? []),
  };
}

/** Calls back some turns of the event loop later. */
function slow(value: unknown, turns: number, done: (error: null, value: unknown) => void): void {
  if (turns === 0) done(null, value);
  else setImmediate(() => slow(value, turns - 1, done));
}

function withSlow(env: nunjucks.Environment): nunjucks.Environment {
  return env.addFilter('slow', slow as never, true);
}

/** A store whose answers come some turns of the event loop later. */
class DistantStore extends TestingStore {
  turns = 0;
  override async getMany(...call: Parameters<TestingStore['getMany']>) {
    const answer = await super.getMany(...call);
    for (let i = 0; i < this.turns; i++) await new Promise(setImmediate);
    return answer;
  }
}

type Step =
  | { readonly do: 'render' | 'warm'; readonly by: readonly number[] }
  | { readonly do: 'save'; readonly row: number; readonly as: 'row' | 'type' | 'all'; readonly by: number }
  | { readonly do: 'evict'; readonly kind: 'token' | 'entry'; readonly salt: number }
  | { readonly do: 'wait'; readonly milliseconds: number }
  | { readonly do: 'weather'; readonly turns: number; readonly fails: number; readonly leap: number };

const by = fc.constantFrom([0], [1], [0, 1], [0, 0]);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('render' as const), by }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('warm' as const), by }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('save' as const),
      row: fc.nat(2),
      as: fc.constantFrom('row', 'row', 'type', 'all'),
      by: fc.nat(1),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('evict' as const),
      kind: fc.constantFrom('token', 'entry'),
      salt: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait' as const),
      milliseconds: fc.constantFrom(1, 1_500, SETTLED, 600_001),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('weather' as const),
      turns: fc.nat(5),
      fails: fc.constantFrom(0, 0, 0, 0, 4),
      leap: fc.constantFrom(0, 0, 0, 0, 61_000),
    }),
  },
);

const { page } = fc.letrec<{ piece: Piece; page: Piece[]; body: Piece[] }>((tie) => {
  const inside = tie('body') as fc.Arbitrary<readonly Piece[]>;
  const fragment = fc.record({
    is: fc.constant('fragment' as const),
    model: fc.constantFrom('a', 'b', 'c', 'r', 'list', 'both'),
    more: fc.oneof(
      { weight: 24, arbitrary: fc.constantFrom('0', '60', '500 "k" a.id', '"10m" "key"', '0 "u" using="id"') },
      { weight: 1, arbitrary: fc.constant('0 when=false') },
    ),
    body: inside,
  });
  const capture = fc.record({ is: fc.constant('capture' as const), body: inside });
  const print = fc.record({ is: fc.constantFrom('print', 'printSafe'), which: fc.nat(3) });
  const wait = fc.record({ is: fc.constant('slow' as const), turns: fc.integer({ min: 1, max: 8 }) });
  const lazily = fc.record({ is: fc.constantFrom('lazy' as const, 'word' as const) });
  const small = fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    { weight: 2, arbitrary: fc.record({ is: fc.constantFrom('text' as const, 'long' as const, 'live' as const) }) },
    { weight: 3, arbitrary: lazily },
    { weight: 4, arbitrary: print },
    { weight: 3, arbitrary: wait },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('setSlowly' as const), which: fc.nat(3) }) },
    { weight: 1, arbitrary: fc.record({ is: fc.constant('depends' as const), model: fc.constantFrom('a', 'b', 'c') }) },
    { weight: 2, arbitrary: fc.record({ is: fc.constant('include' as const), part: fc.nat(1) }) },
  );
  const pieces = fc.array(tie('piece') as fc.Arbitrary<Piece>, { maxLength: 2 });
  /** Captured; then the answers come; then it is printed in a fragment; then there may be something else to wait for. */
  const trap = fc
    .record({ fragment, other: fragment, isSame: fc.boolean(), wait, last: fc.oneof(lazily, fragment), inside })
    .map(({ fragment, other, isSame, wait, last, inside }): Piece[] => [
      { is: 'capture', body: [fragment, ...inside] },
      wait,
      {
        ...(isSame ? { ...other, model: fragment.model } : other),
        body: [{ is: 'printSafe', which: 0 }, ...other.body],
      },
      last,
    ]);
  const around = fc.record({ is: fc.constantFrom('loop', 'eachLoop', 'slowIf'), body: inside });
  return {
    piece: fc.oneof(
      { depthSize: 'small', depthIdentifier: 'piece', withCrossShrink: true },
      { weight: 3, arbitrary: small },
      { weight: 5, arbitrary: fragment },
      { weight: 3, arbitrary: capture },
      { weight: 1, arbitrary: around },
    ) as fc.Arbitrary<Piece>,
    body: fc.array(tie('piece'), { maxLength: 2, depthIdentifier: 'piece' }),
    page: fc
      .tuple(pieces, fc.oneof({ weight: 2, arbitrary: trap }, { weight: 1, arbitrary: pieces }), pieces)
      .map((all) => all.flat()),
  };
});

const options: fc.Arbitrary<CacheSweeperOptions> = fc.constantFrom(
  {},
  { memory: { maxBytes: 4_096 } },
  { memory: { maxBytes: 20_000 } },
  { memory: false },
);

/** Two processes of a site, the rows of their database, and Nunjucks alone. */
class World {
  readonly clock = new Clock();
  readonly store = new DistantStore({ now: this.clock.now });
  readonly rows = [new Story(1, 'a'), new Comment(7, 'b'), new Comment(8, 'c')] as const;
  readonly sites: readonly Site[];
  readonly plain: nunjucks.Environment;
  #saves = 0;

  constructor(tagged: Templates, plain: Templates, more: CacheSweeperOptions) {
    this.sites = [0, 1].map(() => new Site(tagged, { store: this.store, now: this.clock.now, ...more }));
    for (const { env } of this.sites) withSlow(env);
    this.plain = withSlow(new nunjucks.Environment(new ObjectLoader(plain) as never, { autoescape: true }));
  }

  /** A page's variables, read as it begins. */
  #variables(late: <A extends unknown[]>(load: (...args: A) => unknown) => unknown) {
    const [a, b, c] = this.rows;
    const load = late(({ text }: Comment) => text);
    return { a, b, c, rows: [b, c], long: '.'.repeat(1_000), load, word: late(() => 'w') };
  }

  async render(by: readonly number[]): Promise<void> {
    const expected = await renderPage(
      this.plain,
      'page.njk',
      this.#variables((load) => load),
    );
    const lately = () => this.#variables((load) => lazy(async (...args: Parameters<typeof load>) => load(...args)));
    const pages = await Promise.all(by.map((i) => this.sites[i]!.page(lately())));
    for (const html of pages) expect(html).toBe(expected);
  }

  async run(step: Step): Promise<void> {
    switch (step.do) {
      case 'render':
        return this.render(step.by);
      case 'warm':
        for (let i = 0; i < 3; i++) {
          await this.render(step.by);
          this.clock.advance(SETTLED);
        }
        return;
      case 'save': {
        const row = this.rows[step.row]!;
        const { sweeper } = this.sites[step.by]!;
        row.text = `<${row.id} v${++this.#saves}>`;
        if (step.as === 'all') return sweeper.invalidateAll();
        return sweeper.invalidateCacheFor(step.as === 'type' ? row.constructor : row);
      }
      case 'evict':
        this.store.evict(step.kind, (key) => key.charCodeAt(key.length - 1) % step.salt === 0);
        return;
      case 'wait':
        return this.clock.advance(step.milliseconds);
      case 'weather':
        this.#weather(step);
    }
  }

  /** How the store is from now on: how far away, which reads fail, and how long they take by the clock of the site. */
  #weather({ turns, fails, leap }: Step & { do: 'weather' }): void {
    let reads = 0;
    this.store.turns = turns;
    this.store.script = ({ method }): Fault | undefined => {
      if (method !== 'getMany') return undefined;
      this.clock.advance(leap);
      return fails > 0 && ++reads % fails === 0 ? { outcome: 'unknown' } : undefined;
    };
  }
}

test('a page is what Nunjucks renders without the tags, whatever it captures and waits for and whenever the store answers', {
  timeout: 600_000,
}, async () => {
  const parts = fc.tuple(page, page);
  const steps = fc.array(step, { minLength: 1, maxLength: 10 });
  await fc.assert(
    fc.asyncProperty(page, parts, options, steps, async (pieces, included, more, all) => {
      const tagged = written(pieces, included, false);
      const world = new World(tagged, written(pieces, included, true), more);
      try {
        await world.run({ do: 'warm', by: [0, 1] });
        for (const one of all) await world.run(one);
        await world.run({ do: 'warm', by: [0, 1] });
      } catch (error) {
        throw new Error(`${JSON.stringify(tagged, undefined, 1)}\n${error}`, { cause: error });
      }
    }),
    runs(12, 5_000, 100),
  );
});
