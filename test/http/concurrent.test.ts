import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { runs } from '../support/long.ts';

const ORIGIN = 'https://api.example';
const PATHS = ['/a', '/a/1', '/a/1/x', '/a/2', '/b', '/b/1'] as const;
type Path = (typeof PATHS)[number];
/** What is asked for, and what answers. */
const SHOWN: readonly (readonly [asked: string, path: Path])[] = [
  ...PATHS.map((path) => [path, path] as const),
  ['/latest', '/a/1'],
  ['/b/old', '/b'],
];
const KINDS = ['done', 'done', 'lost', 'broken', 'accepted', 'created', 'groups'] as const;
type Kind = (typeof KINDS)[number];

/** Which resources a write changes. */
const changed: Readonly<Record<Path, readonly Path[]>> = {
  '/a': ['/a', '/a/1', '/a/1/x', '/a/2'],
  '/a/1': ['/a', '/a/1', '/a/1/x'],
  '/a/1/x': ['/a/1', '/a/1/x'],
  '/a/2': ['/a', '/a/2'],
  '/b': ['/b', '/b/1'],
  '/b/1': ['/b', '/b/1'],
};

/** An API of numbers, which carries out and answers requests when it is told to. */
class SteppedApi {
  readonly values = new Map<Path, number>(PATHS.map((path) => [path, 0]));
  /** What each request waits for next. */
  readonly steps: (() => void)[] = [];

  /** @param done told what the resources that a write has changed are when it is carried out */
  async write(path: Path, kind: Kind, done: (values: ReadonlyMap<Path, number>) => void): Promise<Response> {
    await this.#step();
    const named = { created: changed['/b/1'], groups: ['/b'] as const };
    const also = kind === 'created' || kind === 'groups' ? named[kind] : [];
    const all = [...new Set([...changed[path], ...also])];
    for (const each of all) this.values.set(each, this.#value(each) + 1);
    done(new Map(all.map((each) => [each, this.#value(each)])));
    await this.#step();
    if (kind === 'lost') throw new TypeError('fetch failed');
    const status = { broken: 500, accepted: 202 } as const;
    return new Response(null, {
      status: kind === 'broken' || kind === 'accepted' ? status[kind] : 200,
      headers: {
        ...(kind === 'created' ? { location: '/b/1' } : {}),
        ...(kind === 'groups' ? { 'cache-group-invalidation': '"g"' } : {}),
      },
    });
  }

  async read(asked: string, path: Path): Promise<Response> {
    await this.#step();
    const value = this.#value(path);
    await this.#step();
    const response = new Response(String(value), { headers: path === '/b' ? { 'cache-groups': '"g"' } : {} });
    Object.defineProperties(response, { redirected: { value: asked !== path }, url: { value: ORIGIN + path } });
    return response;
  }

  #value(path: Path): number {
    return this.values.get(path) as number;
  }

  #step(): Promise<void> {
    return new Promise((resolve) => this.steps.push(resolve));
  }
}

/** A process of a site with these numbers on its pages. */
class Site {
  readonly #env: nunjucks.Environment;
  readonly #sweeper: CacheSweeper;
  readonly #api: SteppedApi;

  constructor(api: SteppedApi, options: CacheSweeperOptions) {
    this.#api = api;
    this.#sweeper = new CacheSweeper(options);
    const template = '{% cachesweeper "Value" 500 asked %}{{ get() }}{% endcachesweeper %}';
    this.#env = this.#sweeper.install(new nunjucks.Environment(new ObjectLoader({ page: template })));
  }

  async shown(asked: string, path: Path): Promise<number> {
    const { fetch } = httpModels(this.#sweeper, [], { fetch: () => this.#api.read(asked, path) });
    const get = lazy(async () => (await fetch(ORIGIN + asked)).text());
    return Number(await this.#sweeper.render(this.#env, 'page', { get, asked }));
  }

  async write(path: Path, kind: Kind, done: (values: ReadonlyMap<Path, number>) => void): Promise<void> {
    const { fetch } = httpModels(this.#sweeper, [], { fetch: () => this.#api.write(path, kind, done) });
    await fetch(ORIGIN + path, { method: 'PUT' }).catch(() => {});
  }
}

const act = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ act: fc.constant('show' as const), site: fc.nat(1), shown: fc.constantFrom(...SHOWN) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('write' as const),
      site: fc.nat(1),
      path: fc.constantFrom(...PATHS),
      kind: fc.constantFrom(...KINDS),
    }),
  },
  { weight: 6, arbitrary: fc.record({ act: fc.constant('step' as const), which: fc.nat(5) }) },
);

test.each([
  ['without a store', () => ({})],
  ['with one store', () => ({ store: new TestingStore(), wait: '0ms' })],
])(
  'no page shows less than what was written, and acknowledged, before it began, in any order, %s',
  async (_, optionsOf) => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 60 }), async (acts) => {
        const api = new SteppedApi();
        const options = optionsOf();
        const sites = [new Site(api, options), new Site(api, options)];
        const acknowledged = new Map<Path, number>();
        const running: Promise<void>[] = [];
        const show = async (site: Site, [asked, path]: readonly [string, Path]): Promise<void> => {
          const least = acknowledged.get(path) ?? 0;
          expect(await site.shown(asked, path)).toBeGreaterThanOrEqual(least);
        };
        const write = async (site: Site, path: Path, kind: Kind): Promise<void> => {
          let values: ReadonlyMap<Path, number> = new Map();
          await site.write(path, kind, (done) => {
            values = done;
          });
          for (const [each, value] of values) acknowledged.set(each, Math.max(acknowledged.get(each) ?? 0, value));
        };
        const step = async (which: number): Promise<void> => {
          api.steps.splice(which % Math.max(1, api.steps.length), 1)[0]?.();
          for (let i = 0; i < 4; i++) await turn();
        };
        for (const each of acts) {
          if (each.act === 'step') {
            await step(each.which);
            continue;
          }
          // Without a store, the other process would not hear of it.
          const site = sites['store' in options ? each.site : 0] as Site;
          running.push(each.act === 'show' ? show(site, each.shown) : write(site, each.path, each.kind));
          await turn();
        }
        const ended = async (all: Promise<unknown>): Promise<void> => {
          let isDone = false;
          const done = all.finally(() => {
            isDone = true;
          });
          // It is awaited below.
          done.catch(() => {});
          while (!isDone) await step(0);
          await done;
        };
        await ended(Promise.all(running));
        for (const shown of SHOWN) await ended(show(sites[0] as Site, shown));
      }),
      runs(8, 20_000, 400),
    );
  },
  3_600_000,
);
