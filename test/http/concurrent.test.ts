import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import nunjucks from 'nunjucks';
import { CacheSweeper, type CacheSweeperOptions, lazy } from 'nunjucks-cachesweeper';
import { httpModels } from 'nunjucks-cachesweeper/http';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { runs } from '../support/long.ts';

const URL_OF_ALL = 'https://api.example/value';

/** An API with one number, which carries out and answers requests when it is told to. */
class SteppedApi {
  value = 0;
  /** What each request waits for next. */
  readonly steps: (() => void)[] = [];

  readonly fetch = async (_: unknown, init?: RequestInit): Promise<Response> => {
    await this.#step();
    const isWrite = init?.method === 'PUT';
    if (isWrite) this.value++;
    const { value } = this;
    await this.#step();
    if (init?.body === 'lost') throw new TypeError('fetch failed');
    return new Response(String(value), { status: init?.body === 'broken' ? 500 : 200 });
  };

  #step(): Promise<void> {
    return new Promise((resolve) => this.steps.push(resolve));
  }
}

/** A process of a site with that number on its page. */
class Site {
  readonly #env: nunjucks.Environment;
  readonly #sweeper: CacheSweeper;
  readonly #fetch: typeof fetch;

  constructor(api: SteppedApi, options: CacheSweeperOptions) {
    this.#sweeper = new CacheSweeper(options);
    const template = '{% cachesweeper "Value" 500 %}{{ get() }}{% endcachesweeper %}';
    this.#env = this.#sweeper.install(new nunjucks.Environment(new ObjectLoader({ page: template })));
    this.#fetch = httpModels(this.#sweeper, [], { fetch: api.fetch as typeof fetch }).fetch;
  }

  async shown(): Promise<number> {
    const get = lazy(async () => (await this.#fetch(URL_OF_ALL)).text());
    return Number(await this.#sweeper.render(this.#env, 'page', { get }));
  }

  async write(body: string): Promise<void> {
    await this.#fetch(URL_OF_ALL, { method: 'PUT', body }).catch(() => {});
  }
}

const act = fc.oneof(
  { weight: 3, arbitrary: fc.record({ act: fc.constant('show' as const), site: fc.nat(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      act: fc.constant('write' as const),
      site: fc.nat(1),
      body: fc.constantFrom('done', 'done', 'lost', 'broken'),
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
      fc.asyncProperty(fc.array(act, { minLength: 5, maxLength: 40 }), async (acts) => {
        const api = new SteppedApi();
        const options = optionsOf();
        const sites = [new Site(api, options), new Site(api, options)];
        let acknowledged = 0;
        const running: Promise<void>[] = [];
        const show = async (site: Site): Promise<void> => {
          const least = acknowledged;
          expect(await site.shown()).toBeGreaterThanOrEqual(least);
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
          if (each.act === 'show') running.push(show(site));
          else {
            const write = async (): Promise<void> => {
              await site.write(each.body);
              acknowledged = Math.max(acknowledged, written);
            };
            const written = api.value + 1;
            running.push(write());
          }
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
        await ended(show(sites[0] as Site));
      }),
      runs(25, 20_000, 1_000),
    );
  },
  3_600_000,
);
