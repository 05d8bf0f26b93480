import { DEFAULT_PRIVATE_NAMES } from 'nunjucks-cachesweeper';
import { describe, expect, test } from 'vitest';
import { PrivateNames } from '../../src/reads/private-names.ts';
import { Article } from '../support/models.ts';
import { failure, site } from './site.ts';

const names = new PrivateNames(DEFAULT_PRIVATE_NAMES);

describe('private names by their place', () => {
  test.each([
    ['user', 1],
    ['user.name', 1],
    ['ctx.user', 2],
    ['req.user.name', 2],
    ['res.locals.user.name', 3],
    ['ctx.state.user.id', 3],
    ['page.user', undefined],
    ['page.req.user', undefined],
    ['req.params.user', undefined],
    ['session', 1],
    ['req.session.user.id', 2],
    ['page.deep.session.id', 3],
    ['csrfToken', 1],
    ['csrf', 1],
    ['site.csrf_token', 2],
    ['_csrf', 1],
    ['site._csrf_token', undefined],
    ['cspNonce', 1],
    ['nonce', 1],
    ['nonces', undefined],
    ['crumb', 1],
    ['breadcrumb', undefined],
    ['flash', 1],
    ['flashMessages', 1],
    ['locals.flash_error.text', 2],
    ['page.flash', undefined],
    ['req', undefined],
    ['request', undefined],
    ['res.locals', undefined],
    ['req.params.slug', undefined],
    ['article.author', undefined],
    ['messages.0', 1],
    ['user.session', 1],
  ])('%s', (path, length) => {
    expect(names.privateLength(path.split('.'))).toBe(length);
  });

  test('none are private without patterns', () => {
    expect(new PrivateNames([]).privateLength(['user'])).toBeUndefined();
  });

  test('the pattern that a path meets is known, for messages', () => {
    expect(names.find(['req', 'session', 'id'])).toEqual({ length: 2, pattern: '**.session' });
    expect(names.find(['flashes'])).toEqual({ length: 1, pattern: 'flash*' });
  });
});

const page = (args: string, body: string) => `{% cachesweeper ${args} %}${body}{% endcachesweeper %}`;
const context = () => ({
  article: Object.assign(new Article(1), { session: 's', author: Object.assign(new Article(2), { csrf: 'c' }) }),
  user: { id: 1, name: 'Ann' },
  req: { user: { id: 1, name: 'Ann' }, session: { id: 's1', user: { id: 1 } }, path: '/a' },
  ctx: { csrf: 't' },
});

describe('a body', () => {
  test.each([
    ['what is below a model', 'article 500', '{{ article.session }}'],
    ['what is below one of several models', '[article, article.author] 500', '{{ article.author.csrf }}'],
    ['what is below a model that is private', 'req.user 500 type="User"', '{{ req.user.name }}'],
    ['what an argument names', 'article 500 ctx.csrf', '{{ ctx.csrf }}'],
    ['what an argument names something of', 'article 500 user.name', '{{ user.id }}'],
    ['what an argument names something deep in', 'article 500 req.session.user.id', '{{ req.session.id }}'],
    ['what when= names', 'article 500 when=user', '{{ user.name }}'],
    ['what when= mentions', 'article 500 when=(not user)', '{% if user %}{{ user.name }}{% endif %}'],
    ['what when= mentions something of', 'article 500 when=(user.id == 1)', '{{ user.name }}'],
    ['the request', 'article 500', '{{ req.path }}'],
    ['what is called so at another place', 'article 500', '{{ article.user }}{{ site.cart }}'],
  ])('may use %s', async (_what, args, body) => {
    await site(page(args, body)).render(context());
  });

  test.each([
    ['a name directly below the request', 'article 500', '{{ req.user.name }}', 'add req.user.id or req.user.name'],
    ['a name anywhere', 'article 500', '{{ a.b.session.c }}', 'take "**.session" off'],
    ['a name in brackets', 'article 500', '{{ a["csrfToken"] }}', 'uses a.csrfToken'],
    ['another value', 'article 500 user.id', '{{ req.user.name }}', 'uses req.user.name'],
    ['what an argument only holds', 'article 500 req', '{{ req.session.id }}', 'uses req.session.id'],
    ['what is beside a model', 'req.session.user 500 type="U" when=yes', '{{ ctx.csrf }}', 'uses ctx.csrf'],
    ['what type= names', 'article 500 type=user.id', '{{ user.name }}', 'neither an argument nor when='],
  ])('may not use %s', async (_what, args, body, message) => {
    const error = await failure(site(page(args, body)).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
    expect(error.message).toContain(message);
  });
});

describe('the option private', () => {
  test.each(['a b', '', '*', '**.', 'a.b', '**', '*a', 'a**', '**.*'])('refuses %j', (name) => {
    expect(() => site('', { sweeper: { private: [name] } })).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
    );
  });
});

describe('except=', () => {
  test.each(['"now"', '"page.now"', '["now", "page.now"]', '[]', "'now'"])('takes %s', async (value) => {
    await site(page(`article 500 except=${value}`, '{{ now }}')).render(context());
  });

  test.each([
    ['now', 'something that is computed'],
    ['("now")', 'something that is computed'],
    ['["now", now]', 'something that is computed'],
    ['5', 'got 5'],
    ['""', 'got ""'],
    ['"a..b"', 'got "a..b"'],
    ['"a[b]"', 'got "a[b]"'],
  ])('refuses %s', async (value, message) => {
    const error = await failure(site(page(`article 500 except=${value}`, '')).render(context()));
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BAD_TAG' });
    expect(error.message).toContain('except= expected a path of a variable as text');
    expect(error.message).toContain(message);
  });

  test.each(['user', 'user.name', 'a.session', 'req', 'res.locals', 'ctx.csrf'])('never takes %s', async (path) => {
    for (const value of [`"${path}"`, `["now", "${path}"]`]) {
      const error = await failure(site(page(`article 500 user.id except=${value}`, '')).render(context()));
      expect(error).toMatchObject({ code: 'CACHESWEEPER_PRIVATE_NAME' });
      expect(error.message).toContain(`except= names ${path}`);
    }
  });
});
