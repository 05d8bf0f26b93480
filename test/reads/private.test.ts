import { describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { F, failure, kindsFor, Site, T } from './support.ts';

const kinds = kindsFor(import.meta.url);

const PLACES = ['ctx', 'req', 'request', 'res', 'locals', 'state'];
const ANYWHERE = ['session', 'csrf', 'csrfToken', 'csrf_token', '_csrf', 'nonce', 'cspNonce', 'crumb'];
const AT_PLACES = [
  'user',
  'currentUser',
  'account',
  'auth',
  'credentials',
  'isAuthenticated',
  'cart',
  'messages',
  'flash',
  'flashMessages',
];

const refused = [
  ...[...ANYWHERE, ...AT_PLACES].flatMap((name) => [name, ...PLACES.map((place) => `${place}.${name}`)]),
  ...[...ANYWHERE, ...AT_PLACES].map((name) => `res.locals.${name}`),
  ...ANYWHERE.flatMap((name) => [`settings.${name}`, `page.form.${name}`, `req.app.locals.x.${name}`]),
  'user.name',
  'session.cart.items',
  'ctx.state.user.name',
  'req.session.user.name',
];
const open = [
  ...AT_PLACES.flatMap((name) => [`page.${name}`, `settings.form.${name}`]),
  ...PLACES.map((place) => `${place}.lang`),
  'req.params.slug',
  'username',
  'users',
  'sessions',
  'nonces',
  'shoppingCart',
];

/** A page on which a path has a value. */
function having(path: string, value: unknown): Record<string, unknown> {
  const [root, ...steps] = path.split('.') as [string, ...string[]];
  return { a: new Article(1), [root]: steps.reduceRight<unknown>((inner, step) => ({ [step]: inner }), value) };
}

const codeOf = async (source: string, context: object = { a: new Article(1) }) =>
  (await failure(new Site(source, 'memory').cached(context))).code;

describe('a body that reads a private name', () => {
  test.each(refused)('is refused when the template compiles: %s', async (path) => {
    expect(await codeOf(T(`{{ ${path} }}`))).toBe('CACHESWEEPER_PRIVATE_NAME');
  });

  test.each(['user["name"]', 'ctx["csrf"]', '(user or none).name', '[user.name]', 'flash("info")'])(
    'is refused however it is written: %s',
    async (expression) => {
      expect(await codeOf(T(`{{ ${expression} }}`))).toBe('CACHESWEEPER_PRIVATE_NAME');
    },
  );

  test.each(open)('is not one that reads %s', async (path) => {
    const site = new Site(T(`{{ ${path} }}`), 'memory');
    expect(await site.show(() => having(path, 'x'))).toEqual(['miss']);
    expect(await site.show(() => having(path, 'y'))).toEqual(['miss']);
    expect(await site.show(() => having(path, 'x'))).toEqual(['hit']);
  });

  test('is refused in a template that it includes', async () => {
    const site = new Site({ 'page.njk': T('{% include "i.njk" %}'), 'i.njk': '{{ user.name }}' }, 'memory');
    expect((await failure(site.cached({ a: new Article(1) }))).code).toBe('CACHESWEEPER_PRIVATE_NAME');
  });

  test.each([
    ['itself', 'user', '{{ user.name }}'],
    ['something below it', 'user.id', '{{ user.name }}'],
    ['something else below it', 'user.role', '{{ user.name }}'],
    ['something below it, at its place', 'req.user.id', '{{ req.user.name }}'],
    ['it in a condition', 'when=(not user)', '{{ user.name }}'],
    ['something below it in a condition', 'when=user.isAdmin', '{{ user.name }}'],
    ['it as the model', '', '{{ user.name }}', 'user'],
  ])('is allowed where the tag names %s', async (_what, args, body, model = 'a') => {
    const user = () => ({ id: 1, name: 'Ann', role: 'r', isAdmin: true, cacheIdentity: { type: 'User', id: 1 } });
    const site = new Site(`{% cachesweeper ${model} 500 ${args} %}${body}{% endcachesweeper %}`, 'memory');
    await site.show(() => ({ a: new Article(1), user: user(), req: { user: user() } }));
    expect(site.outcomes[0]).toMatch(/^(miss|when)$/);
  });

  test.each([
    ['something of another private name', T('{{ user.name }}', 'session.id')],
    ['the same name at another place', T('{{ user.name }}', 'req.user.id')],
    ['the place alone', T('{{ session.name }}', 'req.params')],
  ])('is refused where the tag names %s', async (_what, source) => {
    expect(await codeOf(source)).toBe('CACHESWEEPER_PRIVATE_NAME');
  });

  test.each(['session.title', 'user.name', 'csrf', 'nonce', 'messages[0]', 'auth.session.x'])(
    'is not one that reads %s below the tag’s model',
    async (path) => {
      const site = new Site(T(`{{ a.${path} }}`), 'memory');
      expect(await site.show(() => ({ a: new Article(1) }))).toEqual(['miss']);
      expect(await site.show(() => ({ a: new Article(1) }))).toEqual(['hit']);
    },
  );

  test('is not one that binds the name itself', async () => {
    const site = new Site(T('{% for user in users %}{{ user.name }}{% endfor %}'), 'memory');
    expect(await site.show(() => ({ a: new Article(1), users: [{ name: 'x' }] }))).toEqual(['miss']);
  });
});

describe.each(kinds)('an argument that names a private value, in %s', (kind) => {
  test.each([
    ['undefined', undefined],
    ['null', null],
    ['NaN', Number.NaN],
    ['empty', ''],
    ['an object without an identity', {}],
  ])('and has no value keeps the fragment out of the cache: %s', async (_what, id) => {
    const site = new Site(T('{{ user.name }}', 'user.id'), kind);
    for (const name of ['Ann', 'Bob', 'Ann']) {
      expect(await site.show(() => ({ a: new Article(1), user: { id, name } }))).toEqual(['private name']);
    }
  });

  test.each([
    ['a number', 7],
    ['nought', 0],
    ['a text', 'u7'],
    ['false', false],
  ])('and has a value does not: %s', async (_what, id) => {
    const site = new Site(T('{{ user.name }}', 'user.id'), kind);
    const page = (name: string) => () => ({ a: new Article(1), user: { id, name } });
    expect(await site.show(page('Ann'))).toEqual(['miss']);
    expect(await site.show(page('Ann'))).toEqual(['hit']);
    expect(await site.show(page('Anna'))).toEqual(['miss']);
  });

  test.each([
    ['no user', {}],
    ['an OpenID user', { user: { sub: 's', name: 'x' } }],
    ['a MongoDB user', { user: { _id: 'm', name: 'x' } }],
  ])('is asked for on each page, after another one had it: %s', async (_what, other) => {
    const site = new Site(T('{{ user.name }}', 'user.id'), kind);
    expect(await site.show(() => ({ a: new Article(1), user: { id: 1, name: 'Ann' } }))).toEqual(['miss']);
    expect(await site.show(() => ({ a: new Article(1), ...other }))).toEqual(['private name']);
  });
});

describe.each(kinds)('visitors are kept apart by what was read, in %s', (kind) => {
  const visitor = (name: string) => () => ({
    a: new Article(1),
    which: 'name.njk',
    user: { sub: name, name, likes: name === 'Ann' },
    session: { user: { name } },
    b: new Article(2),
  });
  const NAME = '{{ user.name }}';

  test.each([
    ['an id that nobody has', T(NAME, 'user.id')],
    ['another attribute', T(NAME, 'user.likes')],
    ['a template that is chosen at run time', T('{% include which %}')],
    ['a macro of another template', `{% import "m.njk" as m with context %}${T('{{ m.hello() }}')}`],
    [
      'a macro of a template that is chosen at run time',
      `{% set f = "m.njk" %}{% import f as m with context %}${T('{{ m.hello() }}')}`,
    ],
    ['another name', `{% set person = user %}${T('{{ person.name }}')}`],
    ['a text that the template made', `{% set hello = "Hi " + user.name %}${T('{{ hello }}')}`],
    ['captured html', `{% set hello %}Hi {{ user.name }}{% endset %}${T('{{ hello }}')}`],
    ['a loop variable', `{% for person in [user] %}${T('{{ person.name }}')}{% endfor %}`],
    ['a parameter', `{% macro card(a, person) %}${T('{{ person.name }}')}{% endmacro %}{{ card(a, user) }}`],
    ['a fragment in the body', T(F('b', '{% include which %}'))],
    ['a global that reads the page', T('{{ hello() }}')],
  ])('by %s', async (_how, source) => {
    const site = new Site(
      { 'page.njk': source, 'name.njk': NAME, 'm.njk': `{% macro hello() %}${NAME}{% endmacro %}` },
      kind,
      {
        helpers: (env) =>
          env.addGlobal('hello', function (this: { ctx: { user: { name: string } } }) {
            return this.ctx.user.name;
          }),
      },
    );
    try {
      for (const name of ['Ann', 'Bob', 'Ann', 'Bob', 'Cid']) await site.show(visitor(name));
    } catch (error) {
      // To refuse it is right as well.
      expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
    }
  });
});
