import nunjucks from 'nunjucks';
import { lazy } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { Clock, failureOf, SETTLED, Site, siteWithStore } from '../waiting/support.ts';

const f = (body: string, model = 'article') => `{% cachesweeper ${model} 500 %}${body}{% endcachesweeper %}`;
const NAME = '{% uncached %}{{ user.name }}{% enduncached %}';
const visitors = ['Ann', 'Bob', '<i>'].map((name) => ({ name }));
const article = new Article(1, 'A title');
const comments = [1, 2, 3].map((id) => new Comment(id, `text ${id}`));

/** Renders a page for each visitor; returns what each sees, and what became of the fragments. */
async function seenBy(templates: Templates | string, more: object = {}) {
  const site = new Site(typeof templates === 'string' ? { 'page.njk': templates } : templates);
  const pages: string[] = [];
  const outcomes: string[] = [];
  for (const user of visitors) {
    pages.push(await site.page({ article, comments, user, ...more }));
    outcomes.push(site.outcomes.join());
  }
  expect(site.errors).toEqual([]);
  return { pages, outcomes, site };
}

describe('a hole in a fragment', () => {
  test('shows each visitor their own, on a miss and on hits', async () => {
    const { pages, outcomes } = await seenBy(f(`{{ article.title }}, ${NAME}`));
    expect(pages).toEqual(['A title, Ann', 'A title, Bob', 'A title, &lt;i&gt;']);
    expect(outcomes).toEqual(['miss', 'hit', 'hit']);
  });

  test('may read private names, and the fragment around it may not', async () => {
    const { outcomes } = await seenBy(f('{% uncached %}{{ user.name }}{{ req.ip }}{{ session.id }}{% enduncached %}'));
    expect(outcomes).toEqual(['miss', 'hit', 'hit']);
    const site = new Site({ 'page.njk': f(`{{ user.name }}${NAME}`) });
    expect(await failureOf(site.page({ article, user: visitors[0] }))).toMatchObject({
      code: 'CACHESWEEPER_PRIVATE_NAME',
    });
  });

  test('reads variables as they are now, and they are not in the key of the fragment', async () => {
    const site = new Site({ 'page.njk': f('{{ a }}{% uncached %}{{ b }}{{ list | length }}{% enduncached %}') });
    expect(await site.page({ article, a: 1, b: 1, list: [] })).toBe('110');
    expect(await site.page({ article, a: 1, b: 2, list: [1] })).toBe('121');
    expect(site.outcomes).toEqual(['hit']);
    expect(site.report.fragments[0]?.reads).toEqual(['a']);
    expect(await site.page({ article, a: 2, b: 3, list: [1, 2] })).toBe('232');
    expect(site.outcomes).toEqual(['miss']);
  });

  test('has dependencies that are not those of the fragment', async () => {
    const site = new Site({
      'page.njk': f(`x{% uncached %}{% depends comment %}${f('{{ comment.text }}', 'comment')}{% enduncached %}`),
    });
    const comment = new Comment(7, 'old');
    expect(await site.page({ article, comment })).toBe('xold');
    comment.text = 'new';
    await site.sweeper.invalidateCacheFor(comment);
    expect(await site.page({ article, comment })).toBe('xnew');
    expect(site.outcomes).toEqual(['hit', 'miss']);
  });

  test('calls lazies, which the fragment does not wait for on a hit', async () => {
    let loads = 0;
    const page = () => ({
      article,
      load: lazy(async () => {
        loads++;
        return `loaded ${loads}`;
      }),
    });
    const { site } = siteWithStore({ 'page.njk': f('[{% uncached %}{{ load() }}{% enduncached %}]') });
    expect(await site.page(page())).toBe('[loaded 1]');
    expect(await site.page(page())).toBe('[loaded 2]');
    expect(site.outcomes).toEqual(['hit']);
  });

  test('keeps what it sets, defines and imports to itself', async () => {
    const inside =
      '{% set a = 1 %}{% macro m() %}{{ a }}{% endmacro %}{% import "lib.njk" as lib %}{{ a }}{{ m() }}{{ lib.m() }}';
    const shown = '[{{ a }}{{ m }}{{ lib }}]';
    const { pages } = await seenBy({
      'page.njk': `${f(`{% uncached %}${inside}{% enduncached %}{% uncached %}${shown}{% enduncached %}`)}${shown}{% uncached %}${inside}{% enduncached %}${shown}`,
      'lib.njk': '{% macro m() %}lib{% endmacro %}',
    });
    expect(new Set(pages)).toEqual(new Set(['1lib[][]1lib[]']));
  });

  test('is rendered as it is outside of fragments', async () => {
    const { pages } = await seenBy(
      '{% for c in comments %}{% uncached n=loop.index %}{{ n }}{{ c.id }}{{ user.name }} {% enduncached %}{% endfor %}',
    );
    expect(pages[1]).toBe('11Bob 22Bob 33Bob ');
  });

  test('shows html as the page would: escaped once, and safe html as it is', async () => {
    const { pages } = await seenBy(
      f('{% uncached html=("<b>" | safe), text="<b>" %}{{ html }}{{ text }}{{ user.name }}{% enduncached %}'),
    );
    expect(pages[2]).toBe('<b>&lt;b&gt;&lt;i&gt;');
  });

  test('an edit of its template makes the entry unreachable, wherever the template is', async () => {
    for (const [name, source] of [
      ['page.njk', f('A{% uncached %}1{% enduncached %}')],
      ['part.njk', 'A{% uncached %}1{% enduncached %}'],
      ['macros.njk', '{% macro m() %}A{% uncached %}1{% enduncached %}{% endmacro %}'],
    ] as const) {
      const templates: Record<string, string> = {
        'page.njk': f('{% include which %}'),
        'part.njk': '{% import "macros.njk" as macros %}{{ macros.m() }}',
        'macros.njk': '{% macro m() %}{% endmacro %}',
        [name]: source,
      };
      const { store, clock, site } = siteWithStore(templates);
      expect(await site.page({ article, which: 'part.njk' })).toBe('A1');
      // A hole before it: ordinals in an old entry would mean another one.
      const edited = source.replace('A{%', 'B{% uncached %}0{% enduncached %}{%');
      const other = new Site({ ...templates, [name]: edited }, { store, now: clock.now });
      expect(await other.page({ article, which: 'part.njk' })).toBe('B01');
    }
  });

  test('is in no entry with what it shows', async () => {
    const clock = new Clock();
    const written: string[] = [];
    class Listening extends TestingStore {
      override setMany(...args: Parameters<TestingStore['setMany']>) {
        for (const { value } of args[1]) written.push(Buffer.from(value).toString('latin1'));
        return super.setMany(...args);
      }
    }
    const page = f(`a${NAME}b${f(`{% for c in comments %}c${NAME}{% endfor %}`, 'comments')}`);
    const { now } = clock;
    const site = new Site({ 'page.njk': page }, { store: new Listening({ now }), now });
    for (const _ of [1, 2]) {
      await site.page({ article, comments, user: { name: 'SecretName' } });
      clock.advance(SETTLED);
    }
    expect(written.join()).toContain('ccc');
    expect(written.join()).not.toContain('SecretName');
  });

  test('counts neither in the cost of the fragment nor as a read', async () => {
    const busy = () => {
      const until = performance.now() + 40;
      while (performance.now() < until);
      return '';
    };
    const site = new Site({ 'page.njk': f('x{% uncached %}{{ busy() }}{% enduncached %}') });
    await site.page({ article, busy });
    expect(site.report.fragments[0]?.cost).toBeLessThan(40);
    expect(site.report.fragments[0]?.reads).toEqual([]);
  });
});

describe('what is passed to a hole', () => {
  test('is kept with the fragment, which is compared by it', async () => {
    const site = new Site({
      'page.njk': f('{% uncached a=x, b=[1, "t", none], c={ d: x } %}{{ a }}{{ b | dump }}{{ c.d }}{% enduncached %}'),
    });
    const shown = (x: number) => `${x}[1,&quot;t&quot;,null]${x}`;
    expect(await site.page({ article, x: 1 })).toBe(shown(1));
    expect(await site.page({ article, x: 1 })).toBe(shown(1));
    expect(site.outcomes).toEqual(['hit']);
    expect(await site.page({ article, x: 2 })).toBe(shown(2));
    expect(site.outcomes).toEqual(['miss']);
  });

  test('is another list for each page, so that no page can change it for the next', async () => {
    const { pages } = await seenBy(
      f('{% uncached l=[1] %}{% if l.push(2) %}{% endif %}{{ l | join }}{% enduncached %}'),
    );
    expect(pages).toEqual(['12', '12', '12']);
  });

  test('is plain data, or it is said what to pass', async () => {
    for (const value of ['article', 'load', '[article]']) {
      const site = new Site({ 'page.njk': f(`{% uncached given=${value} %}{% enduncached %}`) });
      expect(await failureOf(site.page({ article, load: () => 1 }))).toMatchObject({
        code: 'CACHESWEEPER_HOLE',
        message: expect.stringMatching(
          /page\.njk\) \[Line 1, Column 34\]\n.*given=… %}: expected plain data.*comment\.id/s,
        ),
      });
    }
  });

  test('must not be private, unless the tag names it', async () => {
    const site = new Site({ 'page.njk': f('{% uncached name=user.name %}{{ name }}{% enduncached %}') });
    expect(await failureOf(site.page({ article, user: visitors[0] }))).toMatchObject({
      code: 'CACHESWEEPER_PRIVATE_NAME',
    });
  });

  test.each([
    ['{% uncached 1 %}', 'expected names with values: {% uncached comment_id=comment.id %}'],
    ['{% uncached a=1 a=2 %}', 'the name a= is given twice'],
    ['{% uncached loop=1 %}', 'the name loop= is taken'],
    ['{% uncached a= %}', 'a='],
  ])('%s is an error that says what to write', async (tag, message) => {
    const site = new Site({ 'page.njk': f(`${tag}{% enduncached %}`) });
    expect(await failureOf(site.page({ article }))).toMatchObject({
      code: 'CACHESWEEPER_BAD_TAG',
      message: expect.stringContaining(message),
    });
  });

  test.each([
    ['{% uncached %}a', 'uncached is not closed'],
    ['a{% enduncached %}', 'enduncached without the uncached it ends'],
    ['{% uncached %}{% enduncached x %}', 'enduncached takes no arguments'],
  ])('%s is an error', async (source, message) => {
    const site = new Site({ 'page.njk': source });
    expect(await failureOf(site.page({ article }))).toMatchObject({
      code: 'CACHESWEEPER_BAD_TAG',
      message: expect.stringContaining(message),
    });
  });
});

describe('a name that exists on a miss only', () => {
  test.each([
    ['a loop variable', '{% for c in comments %}{% uncached %}{{ c.id }}{% enduncached %}{% endfor %}', 'c_id=c.id'],
    ['loop', '{% for c in comments %}{% uncached %}{{ loop.index }}{% enduncached %}{% endfor %}', 'index=loop.index'],
    ['a set', '{% set x = 1 %}{% uncached %}{{ x }}{% enduncached %}', 'x_id=x.id'],
    [
      'a macro’s parameter',
      '{% macro m(p) %}{% uncached %}{{ p }}{% enduncached %}{% endmacro %}{{ m(1) }}',
      'p_id=p.id',
    ],
    ['a macro', '{% macro m() %}{% endmacro %}{% uncached %}{{ m() }}{% enduncached %}', 'm_id=m.id'],
    ['an import', '{% import "lib.njk" as lib %}{% uncached %}{{ lib.m() }}{% enduncached %}', 'lib_id=lib.id'],
    [
      'inside of a nested fragment',
      '{% for c in comments %}{% cachesweeper c 500 %}{% uncached %}{{ c.id }}{% enduncached %}{% endcachesweeper %}{% endfor %}',
      'c_id=c.id',
    ],
  ])('%s is an error when the template is compiled', async (_what, body, remedy) => {
    const site = new Site({ 'page.njk': f(body), 'lib.njk': '' });
    // An article without an id: nothing of the page has run.
    expect(await failureOf(site.page({}))).toMatchObject({
      code: 'CACHESWEEPER_HOLE',
      message: expect.stringContaining(`{% uncached ${remedy} %}`),
    });
  });

  const item = '{% uncached %}{{ c }}{% enduncached %}';
  test.each<[string, Templates]>([
    [
      'of a loop around an include',
      { 'page.njk': f('{% for c in comments %}{% include "part.njk" %}{% endfor %}'), 'part.njk': item },
    ],
    [
      'that is also one of the page, with the same value',
      { 'page.njk': f('{% for c in [c] %}{% include "part.njk" %}{% endfor %}'), 'part.njk': item },
    ],
    ['set around an include', { 'page.njk': f('{% set c = 1 %}{% include "part.njk" %}'), 'part.njk': item }],
    ['set by the include', { 'page.njk': f('{% include "part.njk" %}'), 'part.njk': `{% set c = 1 %}${item}` }],
    ['of a macro that the body calls', { 'page.njk': `{% macro m(c) %}${item}{% endmacro %}${f('{{ m(1) }}')}` }],
    [
      'set by a module',
      {
        'page.njk': `{% import "lib.njk" as lib %}${f('{{ lib.m() }}')}`,
        'lib.njk': `{% set c = 1 %}{% macro m() %}${item}{% endmacro %}`,
      },
    ],
    [
      'that a function asks for',
      {
        'page.njk': f('{% include "part.njk" %}'),
        'part.njk': '{% set c = 1 %}{% uncached %}{{ ofPage() }}{% enduncached %}',
      },
    ],
    [
      'that a fragment in the hole is compared by',
      {
        'page.njk': f('{% for c in comments %}{% include "part.njk" %}{% endfor %}'),
        'part.njk': `{% uncached %}${f('{{ c.id }}')}{% enduncached %}`,
      },
    ],
    [
      'of a loop in an outer fragment, where the inner one is a hit',
      {
        'page.njk': `{% include "one.njk" %}${f('{% for c in [c] %}{% include "one.njk" %}{% endfor %}', 'comments')}`,
        'one.njk': f(item),
      },
    ],
  ])('%s is an error on the miss, and nothing is stored', async (_what, templates) => {
    const site = new Site(templates);
    site.env.addGlobal('ofPage', function (this: { lookup(name: string): unknown }) {
      return this.lookup('c');
    });
    expect(await failureOf(site.page({ article, comments, c: 1 }))).toMatchObject({
      code: 'CACHESWEEPER_HOLE',
      message: expect.stringMatching(/reads c, which is another value where it will be filled on a hit/),
    });
    expect(site.sweeper.stats().memory.entries).toBeLessThan(2);
  });

  test('in a macro imported without context the error says "with context"', async () => {
    const site = new Site({
      'page.njk': `{% import "lib.njk" as lib %}${f('{{ lib.m() }}')}`,
      'lib.njk': `{% set c = 1 %}{% macro m() %}${item}{% endmacro %}`,
    });
    expect(await failureOf(site.page({ article }))).toMatchObject({ message: expect.stringContaining('with context') });
  });

  test('no error where the hole sets it, or is passed it', async () => {
    const { outcomes, pages } = await seenBy(
      f(
        '{% for c in comments %}{% uncached c=c.id, n=loop.index %}{{ c }}{{ n }}{% for n in [8] %}{{ n }}{{ loop.index }}{% endfor %}{% set q = 9 %}{{ q }}{% enduncached %}{% endfor %}',
      ),
    );
    expect(pages[2]).toBe('118192281933819');
    expect(outcomes).toEqual(['miss', 'hit', 'hit']);
  });
});

describe('what cannot stand in a hole is an error', () => {
  test.each([
    ['a block', '{% block a %}{% endblock %}', 'CACHESWEEPER_BLOCK_IN_BODY'],
    ['super()', '{{ super() }}', 'CACHESWEEPER_BAD_TAG'],
    ['an asynchronous filter', '{{ 1 | later }}', 'CACHESWEEPER_ASYNC_BODY'],
    ['asyncEach', '{% asyncEach c in comments %}{% endeach %}', 'CACHESWEEPER_ASYNC_BODY'],
  ])('%s', async (_what, content, code) => {
    const site = new Site({
      'page.njk': `{% block x %}${f(`{% uncached %}${content}{% enduncached %}`)}{% endblock %}`,
    });
    site.env.addFilter(
      'later',
      (value: unknown, done: (error: null, value: unknown) => void) => done(null, value),
      true,
    );
    expect(await failureOf(site.page({ article, comments }))).toMatchObject({ code });
  });

  test('caller()', async () => {
    const site = new Site({
      'page.njk':
        '{% macro m() %}{% uncached %}{{ caller() }}{% enduncached %}{% endmacro %}{% call m() %}x{% endcall %}',
    });
    expect(await failureOf(site.page({ article }))).toMatchObject({ code: 'CACHESWEEPER_CALLER_IN_BODY' });
  });

  test('an error in a hole has its place, and nothing is stored', async () => {
    const site = new Site({ 'page.njk': f('a\n{% uncached %}{{ fail() }}{% enduncached %}') });
    const fail = () => {
      throw new Error('no');
    };
    expect((await failureOf(site.page({ article, fail }))).message).toMatch(/page\.njk\) \[Line 1, Column 21\]\n.*no/s);
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });
});

describe('a hole whose html is used otherwise than printed is lost', () => {
  const macro = `{% macro m() %}a${NAME}{% endmacro %}`;
  const lost: Record<string, string | Templates> = {
    'in set, printed and measured': f(`{% set box %}a${NAME}{% endset %}{{ box | safe }} {{ box | length }}`),
    'in set, decided by': f(`{% set box %}${NAME}{% endset %}{{ box | safe }}{% if "n" in box %}n{% endif %}`),
    'in set of an include': {
      'page.njk': f('{% set box %}{% include "part.njk" %}{% endset %}{{ box | safe }}{{ box | length }}'),
      'part.njk': NAME,
    },
    'in a filter': f(`{% filter replace("Ann", "Eve") %}${NAME}{% endfilter %}`),
    'in a filter that changes nothing': f(`{% filter safe %}${NAME}{% endfilter %}`),
    'in a filter around an include': {
      'page.njk': f('{% filter replace("Ann", "Eve") %}{% include "part.njk" %}{% endfilter %}'),
      'part.njk': NAME,
    },
    'in a filter of the site': f(`{% filter ends %}${NAME}{% endfilter %}`),
    'in another tag': f(`{% loud %}${NAME}{% endloud %}`),
    'a macro, filtered': macro + f('{{ m() | replace("Ann", "Eve") }}'),
    'a macro, set and measured': macro + f('{% set box = m() %}{{ box }}{{ box | length }}'),
    'a macro, set and printed twice': macro + f('{% set box = m() %}{{ box }}{{ box }}'),
    'a macro, compared': macro + f('{% set same = m() == "aAnn" %}{{ same }}{{ m() }}'),
    'a macro, joined': macro + f('{{ [m(), m()] | join("-") | safe }}'),
    'a macro, added to': macro + f('{{ ("x" ~ m()).length }}'),
    'a macro, handed to a function': macro + f('{{ measure(m()) }}{{ m() }}'),
    'a macro, in a dict': macro + f('{{ measure({ html: m() }) }}'),
    'a macro, dumped': macro + f('{{ m() | dump | safe }}'),
    'a macro of a macro, filtered': `${macro}{% macro n() %}{{ m() }}{% endmacro %}${f('{{ n() | upper }}')}`,
    'a macro that is not printed': macro + f('{% if m() %}yes{% endif %}'),
    'what call passes in, filtered': `{% macro w() %}{{ caller() | upper }}{% endmacro %}${f(`{% call w() %}${NAME}{% endcall %}`)}`,
    'a component': { 'page.njk': f('{{ component("part.njk", who) }}'), 'part.njk': NAME },
    'holes in another order': macro + f(`{% set box = m() %}{% uncached %}-{% enduncached %}{{ box }}`),
  };

  test.each(Object.entries(lost))('%s: the page is right, and not stored', async (_what, templates) => {
    const tests = (install: boolean) => {
      const named: Templates = typeof templates === 'string' ? { 'page.njk': templates } : templates;
      const plain = Object.fromEntries(
        Object.entries(named).map(([name, text]) => [
          name,
          text.replace(/{% (end)?(cachesweeper|uncached).*?%}/g, (_tag, end) => (end ? '{% endif %}' : '{% if 1 %}')),
        ]),
      );
      const site = new Site(install ? named : plain);
      const { env } = site;
      env.addGlobal('measure', (value: { html?: string }) => `${value.html ?? value}`.length);
      env.addFilter('ends', (text: string) => text.at(-1));
      env.addGlobal(
        'component',
        (name: string, user: object) => new nunjucks.runtime.SafeString(env.render(name, { user })),
      );
      env.addExtension('Loud', {
        tags: ['loud'],
        parse(parser: never, nodes: never) {
          return loud(this, parser, nodes);
        },
        run: (_context: unknown, body: () => string) => new nunjucks.runtime.SafeString(body().toUpperCase()),
      } as never);
      return site;
    };
    const [site, plain] = [tests(true), tests(false)];
    for (const user of visitors) {
      const page = { article, user, who: user };
      expect(await site.page(page)).toBe(await plain.page(page));
      expect(site.outcomes).toEqual(['hole lost']);
    }
    expect(site.sweeper.stats().memory.entries).toBe(0);
  });

  test('and so is the fragment around it', async () => {
    const { outcomes, pages } = await seenBy(f(`(${f(`{% filter upper %}${NAME}{% endfilter %}`, 'comments')})`));
    expect(pages.slice(0, 2)).toEqual(['(ANN)', '(BOB)']);
    expect(outcomes[2]).toBe('hole lost,contains uncached');
  });

  test.each([
    ['a macro', `${macro}${f('{{ m() }}{{ m() }}')}`],
    ['a macro in a condition', `${macro}${f('{{ m() if article else "" }}{{ (m()) }}')}`],
    ['a macro, set and printed where it is', `${macro}${f('{% set box %}x{% endset %}{{ box }}{{ m() }}')}`],
    ['what call passes in', `{% macro w() %}<{{ caller() }}>{% endmacro %}${f(`{% call w() %}${NAME}{% endcall %}`)}`],
    ['a macro in a hole, filtered', `${macro}${f('{% uncached %}{{ m() | upper }}{% enduncached %}')}`],
  ])('%s that is printed is not lost', async (_what, page) => {
    const { outcomes } = await seenBy(page);
    expect(outcomes).toEqual(['miss', 'hit', 'hit']);
  });

  test('no text of a page is taken for a hole', async () => {
    const { site } = await seenBy(f(`{{ article.title | safe }}${NAME}`));
    const marks = `\n<aA${'x'.repeat(24)}&"'0>`;
    expect(await site.page({ article: new Article(2, marks), user: visitors[0] })).toBe(`${marks}Ann`);
    expect(await site.page({ article: new Article(2, marks), user: visitors[1] })).toBe(`${marks}Bob`);
    expect(site.outcomes).toEqual(['hit']);
  });
});

/** Parses a tag with a body, as extensions of sites do. */
function loud(
  extension: object,
  parser: {
    nextToken(): { value: string };
    advanceAfterBlockEnd(name?: string): void;
    parseUntilBlocks(name: string): unknown;
  },
  nodes: { CallExtension: new (...args: unknown[]) => unknown },
): unknown {
  parser.advanceAfterBlockEnd(parser.nextToken().value);
  const body = parser.parseUntilBlocks('endloud');
  parser.advanceAfterBlockEnd();
  return new nodes.CallExtension(extension, 'run', null, [body]);
}

test('a hole that is captured in a body which waits for something is lost in the next pass, and the page ends', async () => {
  const templates = {
    'page.njk': f(
      `{% set box %}${f(NAME)}{% endset %}${f(`{{ box }}{% for c in load() %}{% cachesweeper c 500 %}{{ c.text }}{% endcachesweeper %}{% endfor %}`)}`,
    ),
  };
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const load = lazy(async () => comments);
  const processes = [1, 2].map(() => new Site(templates, { store, now: clock.now }));
  for (const [i, user] of [...visitors, ...visitors].entries()) {
    const site = processes[i % 2] as Site;
    expect(await site.page({ article, comments, user, load })).toContain('text 1text 2text 3');
    expect(site.report.passes).toBeLessThan(20);
    await site.sweeper.invalidateCacheFor(article);
    clock.advance(SETTLED);
  }
});
