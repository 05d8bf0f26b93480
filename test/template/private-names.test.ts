import { CacheSweeperError } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { AsyncObjectLoader, ObjectLoader } from '../support/loaders.ts';
import { failure, fragment, site } from './site.ts';
import { secondAndOnlyVisitor, visitor } from './visitors.ts';

const f = fragment;

describe('a body that reads a private name', () => {
  // Each makes html of its own for each visitor: the second test of each pair proves it.
  const refused: readonly (readonly [string, string])[] = [
    ['printed', '{{ user.name }}'],
    ['as a whole', '{{ user | dump }}'],
    ['in brackets', '{{ user["name"] }}'],
    ['in parentheses', '{{ (user).name }}'],
    ['behind or', '{{ (user or article).name }}'],
    ['in a condition', '{% if user.name == "Ann" %}Ann{% endif %}'],
    ['in a negated condition', '{% if not (user.name != "Ann") %}Ann{% endif %}'],
    ['in an inline condition', '{{ "Ann" if user.name == "Ann" }}'],
    ['in elif', '{% if no %}{% elif user.name == "Ann" %}Ann{% endif %}'],
    ['in switch', '{% switch user.name %}{% case "Ann" %}Ann{% default %}-{% endswitch %}'],
    ['in a case', '{% switch "Ann" %}{% case user.name %}Ann{% default %}-{% endswitch %}'],
    ['as the list of a loop', '{% for letter in user.name %}{% if loop.first %}{{ letter }}nn{% endif %}{% endfor %}'],
    ['in a loop', '{% for x in authors %}{{ user.name }}{% endfor %}'],
    ['in the else of a loop', '{% for x in [] %}{% else %}{{ user.name }}{% endfor %}'],
    ['in a computed lookup', '{{ names[user.id].first }}'],
    ['in a computed lookup of a computed lookup', '{{ [names][0][user.id].first }}'],
    ['in a computed lookup in parentheses', '{{ (names[user.id]).first }}'],
    ['as the argument of a filter', '{{ "" | default(user.name, true) }}'],
    ['as the argument of a test', '{% if "Ann" is sameas(user.name) %}Ann{% endif %}'],
    ['as the left side of a test', '{% if user.name is equalto("Ann") %}Ann{% endif %}'],
    ['with in', '{% if user.name in ["Ann"] %}Ann{% endif %}'],
    ['in a list', '{{ [user.name] | join }}'],
    ['in a dict', '{{ { a: user.name }.a }}'],
    ['as a keyword argument', '{% macro m(a="") %}{{ a }}{% endmacro %}{{ m(a=user.name) }}'],
    ['as the default of a parameter', '{% macro m(a=user.name) %}{{ a }}{% endmacro %}{{ m() }}'],
    ['through set', '{% set visitorName = user.name %}{{ visitorName }}'],
    ['through a block set', '{% set box %}{{ user.name }}{% endset %}{{ box }}'],
    ['before it is set', '{{ user.name }}{% set user = article %}'],
    ['in the value it is set to', '{% set user = user %}{{ user.name }}'],
    ['set only in a condition', '{% if no %}{% set user = article %}{% endif %}{{ user.name }}'],
    [
      'set only in a default',
      '{% switch kind %}{% case "b" %}x{% default %}{% set user = article %}{% endswitch %}{{ user.name }}',
    ],
    ['set only in a case', '{% switch kind %}{% case "a" %}{% set user = article %}{% endswitch %}{{ user.name }}'],
    ['set only in a loop', '{% for x in authors %}{% set user = x %}{% endfor %}{{ user.name }}'],
    ['a filter block', '{% filter trim %}{{ user.name }}{% endfilter %}'],
    ['a function', '{{ csrfToken() }}'],
    ['a function with arguments', "{{ flash('notice') }}"],
    ['deep in the session', '{{ session.user.name }}'],
    ['a user of the request', '{{ req.user.name }}'],
    ['a macro of the body', '{% macro m() %}{{ user.name }}{% endmacro %}{{ m() }}'],
    ['a call block', '{% macro w() %}<{{ caller() }}>{% endmacro %}{% call w() %}{{ user.name }}{% endcall %}'],
    ['the body of a nested fragment', '{% cachesweeper comment 500 user.id %}{{ user.name }}{% endcachesweeper %}'],
    [
      'the keys of a nested fragment',
      '{% cachesweeper comment 500 user.name %}{{ names[2].first }}{% endcachesweeper %}Ann',
    ],
  ];

  test.each(refused)('is refused: %s', async (_how, body) => {
    const error = await failure(site(f('article', body)).render(visitor('Ann', 1)));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
  });

  test.each(refused)('and with private: [] each visitor sees his own: %s', async (_how, body) => {
    const seen = await secondAndOnlyVisitor(f('article', body), { sweeper: { private: [] } });
    expect(seen.first).toContain('Ann');
    expect(seen.second).toBe(seen.only);
  });
});

describe('a body that reads a name bound inside it', () => {
  test.each([
    ['for', '{% for user in authors %}{{ user.title }}{% endfor %}'],
    ['for with two names', '{% for id, user in { a: 1 } %}{{ user }}{% endfor %}'],
    ['set', '{% set user = { title: article.title } %}{{ user.title }}'],
    ['set and read in a condition', '{% if yes %}{% set user = { title: article.title } %}{{ user.title }}{% endif %}'],
    ['block set', '{% set user %}x{% endset %}{{ user }}'],
    ['a parameter', '{% macro m(user) %}{{ user.title }}{% endmacro %}{{ m(article) }}'],
    ['a parameter with a default', '{% macro m(user="x") %}{{ user }}{% endmacro %}{{ m() }}'],
    ['a macro', '{% macro user() %}x{% endmacro %}{{ user() }}'],
    ['an import', '{% import "empty.njk" as user %}{{ user.x }}'],
    ['a named import', '{% from "empty.njk" import x as user %}{{ user }}'],
    [
      'a parameter of a call block',
      '{% macro w() %}{{ caller(article) }}{% endmacro %}{% call(user) w() %}{{ user.title }}{% endcall %}',
    ],
    ['a set that an include reads', '{% set user = { title: article.title } %}{% include "title.njk" %}'],
    ['a loop that an include reads', '{% for user in authors %}{% include "title.njk" %}{% endfor %}'],
    ['a name of a dict', '{{ { user: 1, req: 2 } | dump }}'],
    ['an attribute', '{{ article.user }}{{ article["session"] }}'],
    ['a filter', '{{ "x" | user }}'],
  ])('is cached: %s', async (_how, body) => {
    const { env, render, outcomes } = site({
      'page.njk': f('article', body),
      'empty.njk': '{% set x = 1 %}',
      'title.njk': '{{ user.title }}',
    });
    env.addFilter('user', (value) => value);
    const ann = await render(visitor('Ann', 1));
    expect(await render(visitor('Bob', 2))).toBe(ann);
    expect(outcomes()).toEqual(['hit']);
  });

  test.each([
    ['for', `{% for user in authors %}${f('article', '{{ user.title }}')}{% endfor %}`],
    ['set', `{% set user = article %}${f('article', '{{ user.title }}')}`],
    ['a parameter', `{% macro m(user) %}${f('article', '{{ user.title }}')}{% endmacro %}{{ m(article) }}`],
  ])('is refused when it is bound only outside: %s', async (_how, template) => {
    expect(await failure(site(template).render(visitor('Ann', 1)))).toMatchObject({
      code: 'CACHESWEEPER_PRIVATE_NAME',
    });
  });
});

describe('arguments that cover a private name', () => {
  const page = (args: string, body: string) => `{% cachesweeper ${args} %}${body}{% endcachesweeper %}`;

  test.each([
    ['the name', 'article 500 session', '{{ session.user.name }}'],
    ['the path', 'article 500 user.name', '{{ user.name }}'],
    ['the path in brackets', 'article 500 user["name"]', '{{ user.name }}'],
    ['a prefix', 'article 500 req.user', '{{ req.user.name }}'],
    ['the id', 'article 500 user.id', '{{ user.name }}'],
    ['the id, for the name itself', 'article 500 user.id', '{{ user | dump }}'],
    ['the id in parentheses', 'article 500 (user.id)', '{{ user.name }}'],
    ['the id of a deeper name', 'article 500 session.user.id', '{{ session.user.name }}'],
    ['one of several keys', 'article 500 "a" user.id "b"', '{{ user.name }}'],
    ['one of a list of models', '[article, user] 500 type="Any"', '{{ user.name }}'],
    ['a model', 'user 500 type="User"', '{{ user.name }}'],
  ])('cached for each visitor: %s', async (_how, args, body) => {
    const { render, outcomes } = site(page(args, body));
    expect(await render(visitor('Ann', 1))).toContain('Ann');
    const bob = await render(visitor('Bob', 2));
    expect(bob).toContain('Bob');
    expect(bob).not.toContain('Ann');
    expect(await render(visitor('Ann', 1))).toContain('Ann');
    expect(outcomes()).toEqual(['hit']);
  });

  test.each([
    ['a filter on the path', 'article 500 user.id|string', '{{ user.name }}'],
    ['a filter on the name', 'article 500 user|dump', '{{ user.name }}'],
    ['an expression', 'article 500 (user.id == 1)', '{{ user.name }}'],
    ['a call', 'article 500 flash("a")', '{{ flash("b") }}'],
    ['another value of its name', 'article 500 req.user.id', '{{ user.name }}'],
    ['what holds it', 'article 500 req', '{{ req.user.name }}'],
    ['the attribute that using names', 'user 500 type="User" using="name"', '{{ req.user.name }}'],
    ['the type', 'article 500 type=user.id', '{{ user.name }}'],
    ['a computed path', 'article 500 user[kind]', '{{ user.name }}'],
    ['one of two names', 'article 500 user.id', '{{ user.name }}{{ session.id }}'],
  ])('refused: %s', async (_how, args, body) => {
    expect(await failure(site(page(args, body)).render(visitor('Ann', 1)))).toMatchObject({
      code: 'CACHESWEEPER_PRIVATE_NAME',
    });
  });

  test('the option private replaces the list of names', async () => {
    const source = f('article', '{{ user.name }}{{ tenant }}');
    const error = await failure(site(source, { sweeper: { private: ['tenant'] } }).render(visitor('Ann', 1)));
    expect(error.message).toContain('uses tenant');
  });
});

describe('the error about a private name', () => {
  const page = `<h1>\n  ${f('article', '\n  x {{ article.title }} {{ user.name }}')}`;
  const message =
    '(page.njk) [Line 3, Column 32]\n  the body of this fragment uses user.name, and neither an argument nor when= of its ' +
    "tag names it: it is the visitor's own, so each visitor would need a fragment; move it out of the fragment, add " +
    'user.id or user.name to the arguments, or take "user" off the option private';

  test('has a code, the template, line, column and remedy, through a callback', async () => {
    const error = await failure(site(page).render(visitor('Ann', 1)));
    expect(error).toBeInstanceOf(CacheSweeperError);
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME', message });
  });

  test('is thrown by render without a callback', () => {
    const { env } = site(page);
    expect(() => env.render('page.njk', visitor('Ann', 1))).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_PRIVATE_NAME', message }),
    );
  });

  test('comes again with every render', async () => {
    const { render } = site(page);
    for (const name of ['Ann', 'Bob', 'Cyd']) {
      expect(await failure(render(visitor(name, 1)))).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME', message });
    }
  });

  test('comes before the page prints anything for anyone', async () => {
    const hidden = `{% if no %}${f('article', '{{ user.name }}')}{% endif %}`;
    expect(await failure(site(hidden).render(visitor('Ann', 1)))).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
  });

  test('comes from renderString, with and without a callback', async () => {
    const { env } = site('');
    const inString = message.replace('page.njk', 'unknown path');
    expect(() => env.renderString(page, {})).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_PRIVATE_NAME', message: inString }),
    );
    const error = await new Promise((resolve) => env.renderString(page, {}, resolve));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME', message: inString });
  });

  test('comes from getTemplate when it compiles eagerly', () => {
    expect(() => site(page).env.getTemplate('page.njk', true)).toThrow(message);
  });

  test('comes from sweeper.render', async () => {
    const { env, sweeper } = site(page);
    expect(await failure(sweeper.render(env, 'page.njk', {}))).toMatchObject({
      code: 'CACHESWEEPER_PRIVATE_NAME',
      message,
    });
  });

  test('names the include that reads it, and the place of the tag', async () => {
    const { render } = site({
      'page.njk': `\n ${f('article', '{% include "a.njk" %}')}`,
      'a.njk': '\n\n{{ user.name }}',
    });
    const error = await failure(render(visitor('Ann', 1)));
    expect(error.message).toContain('(page.njk) [Line 2, Column 5]');
    expect(error.message).toContain('uses user.name (in a.njk, which it includes, line 3)');
  });

  test.each([
    ['at once', new ObjectLoader({ 'page.njk': page })],
    ['later', new AsyncObjectLoader({ 'page.njk': page })],
    ['later, each time anew', new AsyncObjectLoader({ 'page.njk': page }, true)],
  ])('is the same with a loader that answers %s', async (_when, loader) => {
    const error = await failure(site('', { loader: loader as never }).render(visitor('Ann', 1)));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME', message });
  });
});
