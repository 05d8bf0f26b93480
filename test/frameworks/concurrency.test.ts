import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as later } from 'node:timers/promises';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy, type RenderReport } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { ObjectLoader, type Templates } from '../support/loaders.ts';
import { inTurn, sized } from '../support/long.ts';
import { Article } from './blog.ts';
import { kinds } from './framework-suite.ts';

const PAGES = sized(12, 300, 100);

const templates: Templates = {
  'macros.njk':
    '{% macro card(article, load, tools) %}{% cachesweeper article 500 "card" %}' +
    '<b>{{ article.title }}</b>{{ load(article.id) }},{{ tools.load(article.id) }}{% endcachesweeper %}{% endmacro %}',
  'part.njk': '{% cachesweeper article 500 "part" %}<i>{{ load(article.id) }}</i>{% endcachesweeper %}',
  'fragments.njk':
    '{% import "macros.njk" as m %}{{ number }}{% cachesweeper article 500 "page" %}{{ flush() }}{{ m.card(article, load, tools) }}' +
    '{% include "part.njk" %}{% endcachesweeper %}',
  'filters.njk':
    '{% import "macros.njk" as m %}{{ number | late }}{{ m.card(article, load, tools) }}{{ title() | late }}' +
    '{% cachesweeper article 500 "page" %}{{ flush() }}{% include "part.njk" %}{{ tools.load(article.id) }}{% endcachesweeper %}' +
    '{{ load(article.id) | late }}{{ tools.load(article.id) }}',
  'each.njk':
    '{% import "macros.njk" as m %}{% asyncEach n in [1, 2, 3] %}{{ n | late }}{{ m.card(article, load, tools) }}' +
    '{% include "part.njk" %}{% endeach %}{{ number }}',
  'tag.njk':
    '{% import "macros.njk" as m %}{% late 1 %}{{ m.card(article, load, tools) }}{{ tools.load(article.id) }}{% include "part.njk" %}{{ number }}',
};

/** Calls back all that wait in one go: from a timer of whoever came first, or when another page says so. */
class Queue {
  readonly #waiting: (() => void)[] = [];
  readonly #timers: boolean;

  constructor(timers: boolean) {
    this.#timers = timers;
  }

  readonly add = (callBack: () => void): void => {
    this.#waiting.push(callBack);
    // The timer is also what calls back the last pages, when none comes to flush for them.
    if (this.#waiting.length === 1) setTimeout(this.flush, this.#timers ? 0 : 20);
  };

  readonly flush = (): string => {
    for (const callBack of this.#waiting.splice(0)) callBack();
    return '';
  };
}

/** A loader that answers all who wait together, in the asynchronous context of one of them. */
class QueueLoader extends nunjucks.Loader {
  readonly async = true;
  readonly #queue: Queue;
  constructor(queue: Queue) {
    super();
    this.#queue = queue;
  }
  getSource(name: string, done: (error: Error | null, source: nunjucks.LoaderSource | null) => void): void {
    const src = templates[name];
    this.#queue.add(() => done(null, src === undefined ? null : { src, path: name, noCache: true }));
  }
}

/** A page of somebody: every value in it is theirs. */
interface Visit {
  readonly number: number;
  readonly fails: boolean;
  readonly article: Article;
}

const caller = new AsyncLocalStorage<number>();

const names = ['fragments.njk', 'filters.njk', 'each.njk', 'tag.njk'];
const kindsOfPages = names.flatMap((name) => [
  [name, 'all well', false] as const,
  [name, 'some failing', true] as const,
]);

const ways = [
  ['callback filters, called back from one timer', true],
  ['callback filters, called back inside the fragments of other pages', false],
] as const;

describe.each(inTurn(kinds, 'pages at the same time'))(`${PAGES} pages at the same time, %s`, (_kind, options) => {
  function running(from: (queue: Queue) => nunjucks.Loader, timers: boolean) {
    const reports: RenderReport[] = [];
    const sweeper = new CacheSweeper({
      ...options(),
      maxDataAge: '60s',
      timeout: '20s',
      onRender: (report) => reports.push(report),
    });
    const queue = new Queue(timers);
    const env = sweeper.install(new nunjucks.Environment(from(queue) as unknown as nunjucks.ILoader));
    const late = (value: unknown, done: (error: Error | null, value?: unknown) => void) =>
      queue.add(() => (value === 'fail' ? done(new Error('a filter failed')) : done(null, value)));
    env.addFilter('late', late as never, true);
    env.addGlobal('flush', timers ? () => '' : queue.flush);
    env.addExtension('late', {
      tags: ['late'],
      parse(parser: never, nodes: never) {
        const { nextToken, parseSignature, advanceAfterBlockEnd } = parser as Record<
          string,
          (...a: unknown[]) => never
        >;
        const tag = nextToken!.call(parser) as { value: string };
        const args = parseSignature!.call(parser, null, true);
        advanceAfterBlockEnd!.call(parser, tag.value);
        const { CallExtensionAsync } = nodes as Record<string, new (...a: unknown[]) => object>;
        return new CallExtensionAsync!(this, 'run', args);
      },
      run(_context: object, _argument: unknown, done: (error: null, html: string) => void) {
        queue.add(() => done(null, 'late '));
      },
    } as nunjucks.Extension);

    /** Renders one visit's page in its own asynchronous context, and tells what it got and where. */
    const visit = (template: string, { number, fails, article }: Visit) =>
      caller.run(number, async () => {
        const loaded = async (id: number) => {
          await later();
          if (fails) throw new Error(`nothing for ${number}`);
          return `${number}/${id}`;
        };
        const context = {
          number,
          article,
          title: lazy(async () => `title ${number}`),
          load: lazy(loaded),
          tools: { load: lazy(async (id: number) => `tool ${await loaded(id)}`) },
        };
        await later();
        return new Promise<{ html: string; context: number | undefined }>((resolve) => {
          env.render(template, context, (error, html) =>
            resolve({
              html: error ? `failed: ${/nothing for \d+/.exec(error.message) ?? error.message}` : html!,
              context: caller.getStore(),
            }),
          );
        });
      });
    return { sweeper, env, visit, reports };
  }

  /** @param failing whether the data of every tenth cannot be loaded */
  const visits = (failing: boolean): Visit[] =>
    Array.from({ length: PAGES }, (_, i) => ({
      number: i + 1,
      fails: failing && i % 10 === 3,
      article: new Article(i + 1, `A${i + 1}`),
    }));

  function html(template: string, { number, fails }: Visit): string {
    if (fails) return `failed: nothing for ${number}`;
    const [load, tool] = [`${number}/${number}`, `tool ${number}/${number}`];
    const [card, part] = [`<b>A${number}</b>${load},${tool}`, `<i>${load}</i>`];
    switch (template) {
      case 'fragments.njk':
        return `${number}${card}${part}`;
      case 'filters.njk':
        return `${number}${card}title ${number}${part}${tool}${load}${tool}`;
      case 'each.njk':
        return `${[1, 2, 3].map((n) => n + card + part).join('')}${number}`;
      default:
        return `late ${card}${tool}${part}${number}`;
    }
  }

  describe.each(ways)('%s', (_way, timers) => {
    test.each(kindsOfPages)('%s, %s', async (template, _errors, failing) => {
      const { sweeper, visit } = running(() => new ObjectLoader(templates), timers);
      const all = visits(failing);
      const expected = all.map((one) => ({ html: html(template, one), context: one.number }));
      for (let round = 0; round < 3; round++) {
        expect(await Promise.all(all.map((one) => visit(template, one)))).toEqual(expected);
        await sweeper.idle();
        await sweeper.invalidateCacheFor(all.filter(({ number }) => number % 2 === 0).map(({ article }) => article));
      }
      await sweeper.close();
    });

    test('what one page shows is no dependency of another', async () => {
      const { sweeper, visit, reports } = running(() => new ObjectLoader(templates), timers);
      const all = visits(false);
      await Promise.all(all.map((one) => visit('filters.njk', one)));
      await sweeper.idle();
      await sweeper.invalidateCacheFor(all[0]!.article);
      reports.length = 0;
      await Promise.all(all.slice(1).map((one) => visit('filters.njk', one)));
      const outcomes = new Set(
        reports.flatMap(({ fragments }) => fragments.map(({ outcome, reason }) => reason ?? outcome)),
      );
      expect([...outcomes]).toEqual(['hit']);
      await sweeper.close();
    });
  });

  test.each(kindsOfPages)(
    'an asynchronous loader that answers all of them at once: %s, %s',
    async (template, _errors, failing) => {
      const { sweeper, visit } = running((queue) => new QueueLoader(queue), true);
      const all = visits(failing);
      for (let round = 0; round < 2; round++) {
        const results = await Promise.all(all.map((one) => visit(template, one)));
        expect(results).toEqual(all.map((one) => ({ html: html(template, one), context: one.number })));
        await sweeper.idle();
      }
      await sweeper.close();
    },
  );

  test('every page at once, in any order', async () => {
    const { sweeper, visit } = running(() => new ObjectLoader(templates), false);
    const all = visits(false).map((one) => ({ one, template: names[one.number % 4]! }));
    const results = await Promise.all(all.map(({ one, template }) => visit(template, one)));
    expect(results).toEqual(all.map(({ one, template }) => ({ html: html(template, one), context: one.number })));
    await sweeper.close();
  });

  test('errors of every kind are called back in the context of their caller', async () => {
    const { sweeper, env } = running(() => new ObjectLoader(templates), true);
    const sources: [string, Record<string, unknown>][] = [
      ['{{ "fail" | late }}', {}],
      ['{% include "missing.njk" %}', {}],
      ['{% cachesweeper %}', {}],
      ['{% cachesweeper 7 500 %}{% endcachesweeper %}', {}],
      ['{{ nothing() }}', {}],
      ['{{ load() }}', { load: lazy(async () => Promise.reject(new Error('no'))) }],
      ['fine', {}],
    ];
    const render = (number: number, start: (done: (error: Error | null) => void) => void) =>
      caller.run(
        number,
        () => new Promise((resolve) => start((error) => resolve([caller.getStore(), error !== null]))),
      );
    const results = Array.from({ length: 70 }, (_, i) => {
      const [source, context] = sources[i % sources.length]!;
      return render(i, (done) => env.renderString(source, context, done));
    });
    expect(await Promise.all(results)).toEqual(results.map((_, i) => [i, i % sources.length !== 6]));
    const missing = Array.from({ length: 20 }, (_, i) => render(i, (done) => env.render('missing.njk', {}, done)));
    expect(await Promise.all(missing)).toEqual(missing.map((_, i) => [i, true]));
    await sweeper.close();
  });
});
