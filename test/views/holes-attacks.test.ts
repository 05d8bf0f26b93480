import type { NextFunction, Request, Response } from 'express';
import nunjucks from 'nunjucks';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { afterEach, describe, expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { logIn, outside, userOf } from './outside.ts';
import { sites } from './running.ts';
import { allFrameworks, type Handler, type Options, type Plan, type Route } from './sites.ts';
import { type TemplatePlan, templateSite } from './template-site.ts';

interface User {
  readonly id: string;
  readonly name: string;
  readonly isAdmin: boolean;
  readonly theme: string;
}

/** All requests see the same objects, as where users are kept in memory. */
const users: Readonly<Record<string, User>> = {
  a: { id: 'a', name: 'Ann', isAdmin: false, theme: 'dark' },
  b: { id: 'b', name: 'Bob', isAdmin: false, theme: 'dark' },
  c: { id: 'c', name: 'Cid', isAdmin: true, theme: 'light' },
};
const [ann] = [users.a as User];

/** Where code of the site finds the visitor without looking at the request. */
const known = new WeakMap<object, User | undefined>();

/** What stands in a hole of most templates here. */
const HOLE = '{% uncached %}[{{ user.name }}]{% enduncached %}';

describe.each(allFrameworks)('%s: a view with holes under attack', (name, start) => {
  const running = sites(start, () => ({}));

  /** Middleware that says who the visitor is, and may leave more for templates. */
  const signIn = (leave: (locals: Record<string, unknown>, user: User | undefined) => void = () => {}): Partial<Plan> =>
    outside(({ request, headers, locals }) => {
      const user = users[headers['x-visitor'] ?? ''];
      if ('auth' in request) logIn(request, user ?? (null as never));
      else request.user = user;
      leave(locals, user);
      known.set(request, user);
    });
  const holes: NonNullable<Options['holes']> = (request) => ({ user: userOf(request as object) });

  /** Asks for the pages of some visitors, at a site with the cache and past it. */
  async function compare(handler: Handler, visitors: readonly (string | undefined)[], plan: Partial<Plan> = signIn()) {
    const options = { holes, debug: true };
    const routes: Route[] = [
      { path: '/', handler, options },
      { path: '/past', handler, options: { ...options, skip: () => true } },
    ];
    const { get } = await running(routes, plan);
    const caches: string[] = [];
    for (const visitor of visitors) {
      const headers = visitor === undefined ? {} : { 'X-Visitor': visitor };
      const [page, past] = [await get('/', headers), await get('/past', headers)];
      expect([visitor, page.text, page.status]).toEqual([visitor, past.text, past.status]);
      caches.push(String(page.cache));
    }
    return caches;
  }

  test('the profile of one who looks at it first is theirs for others as well', async () => {
    const caches = await compare((call) => call.render('holes/both.njk', { user: ann }), ['a', 'b', undefined, 'a']);
    expect(caches.filter((cache) => cache === 'hit')).toEqual([]);
  });

  test('a page that is given no user, such as that of a login, shows none to those who have one', async () => {
    const caches = await compare((call) => call.render('holes/only.njk', { user: undefined }), [undefined, 'a', 'b']);
    expect(caches.filter((cache) => cache === 'hit')).toEqual([]);
  });

  test('what middleware leaves of the visitor for all pages does not keep them from the cache', async () => {
    const plan = signIn((locals, user) => {
      locals.user = user;
    });
    const caches = await compare((call) => call.render('holes/both.njk'), ['a', 'b', undefined, 'a', 'b'], plan);
    // These frameworks leave it to code of the site to hand the variables on, which reads all of them.
    if (name !== 'Koa' && name !== 'hapi') expect(caches).toEqual(['miss', 'hit', 'miss', 'hit', 'hit']);
  });

  test('what middleware leaves of another is that one’s for all visitors', async () => {
    const plan = signIn((locals) => {
      locals.user = ann;
    });
    const caches = await compare((call) => call.render('holes/both.njk'), ['a', 'b', 'c', undefined, 'b'], plan);
    expect(caches.slice(1).filter((cache) => cache === 'hit')).toEqual([]);
  });

  test('a handler’s own variable wins over what middleware leaves, for each visitor', async () => {
    const plan = signIn((locals, user) => {
      locals.user = user;
    });
    await compare((call) => call.render('holes/both.njk', { user: ann }), ['a', 'b', undefined, 'a'], plan);
  });

  test('a visitor found past the request, under another private name, is shown to nobody else', async () => {
    const handler: Handler = (call) => call.render('holes/current.njk', { currentUser: known.get(call.request) });
    for (const visitors of [
      ['a', 'b', undefined],
      [undefined, 'a', 'b'],
    ]) {
      await compare(handler, visitors);
    }
  });

  test('halves of a character around the border of a hole are not cut apart', async () => {
    const handler: Handler = (call) => call.render('holes/halves.njk', { high: '\ud83d' });
    const routes: Route[] = [
      { path: '/', handler, options: { holes: (r) => ({ user: userOf(r as object), low: '\ude00' }), debug: true } },
    ];
    const { get } = await running(routes, signIn());
    for (const [visitor, shown] of [
      ['a', 'Ann'],
      ['b', 'Bob'],
    ] as const) {
      expect((await get('/', { 'X-Visitor': visitor })).text.trim()).toBe(`😀${shown}<p>tail</p>`);
    }
  });

  test.runIf(name === 'hapi')('hapi: what an extension adds of the visitor is shown to nobody else', async () => {
    for (const added of ['currentUser', 'user']) {
      const plan: Partial<Plan> = {
        hapi: (server) => {
          signIn().hapi?.(server);
          server.ext('onPreResponse', ({ response, auth }, h) => {
            const source = 'source' in response ? (response.source as { context?: object } | null) : null;
            if (source?.context) source.context = { ...source.context, [added]: auth.credentials ?? undefined };
            return h.continue;
          });
        },
      };
      await compare((call) => call.render('holes/current.njk'), ['a', 'b', undefined, 'a'], plan);
    }
  });

  test('a page that is rendered in another asynchronous context has the visitor’s variables, past the cache as well', async () => {
    const jobs: (() => void)[] = [];
    // A driver that was started before any request calls back in no request's context.
    const timer = setInterval(() => jobs.splice(0).forEach((job) => void job()), 2);
    try {
      const handler: Handler = (call) =>
        new Promise((resolve, reject) => {
          jobs.push(() => void Promise.resolve(call.render('holes/both.njk')).then(() => resolve(undefined), reject));
        });
      const options = { holes, debug: true };
      const routes: Route[] = [
        { path: '/', handler, options },
        { path: '/past', handler, options: { ...options, skip: () => true } },
      ];
      const { get } = await running(routes, signIn());
      for (const [visitor, shown] of [
        ['a', 'in[Ann]'],
        ['b', 'in[Bob]'],
      ] as const) {
        for (const path of ['/', '/past']) {
          const { text } = await get(path, { 'X-Visitor': visitor });
          // Koa has no renderer, so nothing tells which request such a page is for.
          expect(text.trim()).toBe(name === 'Koa' ? '[]' : shown);
        }
      }
    } finally {
      clearInterval(timer);
    }
  });
});

describe('templates of a view with holes under attack', () => {
  const closing: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });
  const signedIn: Partial<TemplatePlan> = {
    before: (app) => {
      app.use((req: Request & { user?: unknown }, _res: Response, next: NextFunction) => {
        req.user = users[String(req.headers['x-visitor'])];
        next();
      });
    },
    holes: (req) => ({ user: userOf(req) }),
  };

  async function site(page: string | Record<string, string>, plan: Partial<TemplatePlan> = {}) {
    const templates = typeof page === 'string' ? { 'page.njk': page } : page;
    const made = await templateSite({ ...signedIn, templates, ...plan } as TemplatePlan);
    closing.push(async () => {
      await made.close();
      expect(made.errors).toEqual([]);
    });
    return made;
  }

  /** Expects the pages past the cache, and returns what the cache did. */
  async function equal(
    page: string | Record<string, string>,
    plan: Partial<TemplatePlan> = {},
    visitors: readonly (string | undefined)[] = ['a', 'b', undefined, 'c', 'a', 'b'],
  ): Promise<string> {
    const pages = await (await site(page, plan)).compare(visitors);
    expect(pages.map(({ text }) => text)).toEqual(pages.map(({ expected }) => expected));
    return pages.map(({ cache }) => cache.replace(/ \(.*/, '')).join(' ');
  }

  const given = (variables: object): Partial<TemplatePlan> => ({
    handler: (_req, res) => res.render('page.njk', variables),
  });

  const EACH = 'miss miss miss miss hit hit';
  const IF = 'miss hit miss hit hit hit';
  const NEVER = 'miss miss miss miss miss miss';

  test.each([
    ['a test', '{% if user %}in{% endif %}', IF],
    ['a test of a member', '{% if user.isAdmin %}admin{% endif %}', 'miss hit miss miss hit hit'],
    ['a comparison', "{% if user.id == 'a' %}A{% endif %}", EACH],
    ['another name', '{% set u = user %}{{ u.name }}', EACH],
    ['another private name', '{% set currentUser = user %}{{ currentUser.name }}', EACH],
    ['a macro', '{% macro m(u) %}{{ u.name }}{% endmacro %}{{ m(user) }}', EACH],
    ['a loop', '{% for k, v in user %}{{ k }}{{ v }}{% endfor %}', EACH],
    ['a filter', '{{ user | dump | safe }}', EACH],
    ['a key', '{% if user and "name" in user %}named{% endif %}', EACH],
    ['a test by name', '{% if user is defined %}in{% endif %}', IF],
  ])('%s of the visitor outside of holes is in the key', async (_what, page, caches) => {
    expect(await equal(page + HOLE)).toBe(caches);
  });

  test('what functions look up of the visitor is in the key', async () => {
    const globals = {
      byMember(this: { ctx: { user?: User } }) {
        return this.ctx.user?.name;
      },
      byLookup(this: { lookup(name: string): User | undefined }) {
        return this.lookup('user')?.name;
      },
      names(this: { ctx: object }) {
        return Object.keys(this.ctx)
          .filter((key) => key !== 'settings' && key !== '_locals')
          .join();
      },
    };
    expect(await equal(`{{ byMember() }}${HOLE}`, { globals })).toBe(EACH);
    expect(await equal(`{{ byLookup() }}${HOLE}`, { globals })).toBe(EACH);
    await equal(`{{ names() }}${HOLE}`, { globals, ...given({ title: 'T' }) });
    expect(await equal('{% uncached %}{{ names() }}{% enduncached %}', { globals, ...given({ title: 'T' }) })).toBe(
      NEVER,
    );
  });

  test('what a template binds under a name of the visitor’s stays what it is, also if it is the visitor', async () => {
    expect(await equal(`{% for user in authors %}${HOLE}{% endfor %}`, given({ authors: [ann] }))).toBe(NEVER);
    expect(await equal(`{% set user = author %}${HOLE}`, given({ author: ann }))).toBe(NEVER);
    const macro = `{% macro m(user) %}${HOLE}{% endmacro %}{{ m(author) }}`;
    expect(await equal(macro, given({ author: ann }))).toBe(NEVER);
    const lang: Partial<TemplatePlan> = {
      holes: (req) => ({ lang: (userOf(req) as User | undefined)?.isAdmin ? 'de' : 'en' }),
    };
    const hole = '{% uncached %}{{ lang }}{% enduncached %}';
    expect(await equal(`{% set lang = 'en' %}${hole}`, lang)).toBe(NEVER);
    expect(await equal(`{% set lang = 'en' %}{% macro m() %}${hole}{% endmacro %}{{ m() }}`, lang)).toBe(NEVER);
    expect(await equal({ 'page.njk': "{% set lang = 'en' %}{% include 'i.njk' %}", 'i.njk': hole }, lang)).toBe(NEVER);
    expect(await equal(`{% set user = user %}${HOLE}`)).toBe(IF);
  });

  test('a hole in a macro sees what the macro sees, and no visitor if that is nothing', async () => {
    const macros = `{% macro m() %}${HOLE}{% endmacro %}`;
    const all = 'miss hit hit hit hit hit';
    expect(await equal({ 'page.njk': '{% import "m.njk" as f %}{{ f.m() }}', 'm.njk': macros })).toBe(all);
    const withContext = '{% import "m.njk" as f with context %}{{ f.m() }}';
    expect(await equal({ 'page.njk': withContext, 'm.njk': macros })).toBe(all);
  });

  test.each([
    ['a hole of it', '{% uncached %}{{ lang }}{% enduncached %}'],
    ['an uncached fragment in it', '{% cachesweeper article 500 when=nothing %}{{ lang }}{% endcachesweeper %}'],
  ])('what a fragment in a hole shows of a loop is not the visitor’s, in %s', async (_, inner) => {
    const article = new Article(1);
    const templates = {
      'page.njk': '{% for lang in ["T"] %}{% uncached %}{% include "i.njk" %}{% enduncached %}{% endfor %}',
      'i.njk': `{% cachesweeper article 500 %}${inner}{% endcachesweeper %}`,
    };
    expect(await equal(templates, { holes: () => ({ article }) })).toBe(NEVER);
  });

  test('the page of who alone reads a name that the page binds around a hole is not from the cache', async () => {
    const templates = {
      'page.njk': '{% for k in ["T"] %}{% uncached %}{% include "i.njk" %}{% enduncached %}{% endfor %}',
      'i.njk': '{% if user.isAdmin %}{{ k }}{% endif %}{{ user.name }}',
    };
    expect(await equal(templates)).toBe('miss hit hit miss hit hit');
  });

  test.each([
    ['the hole', '{% uncached %}{% if user.isAdmin %}{{ title }}{% endif %}{{ user.name }}{% enduncached %}', ''],
    ['an include', '{% uncached %}{% include "i.njk" %}{% enduncached %}', ''],
    ['a macro', '{% from "m.njk" import edit with context %}{% uncached %}{{ edit() }}{% enduncached %}', ''],
    [
      'a fragment',
      '{% uncached %}{% include "i.njk" %}{% enduncached %}',
      '{% cachesweeper article 500 user.id, user.isAdmin %}',
    ],
    [
      'a layout',
      '{% extends "l.njk" %}{% block main %}{% uncached %}{% include "i.njk" %}{% enduncached %}{% endblock %}',
      '',
    ],
  ])(
    'the page of who alone reads in a hole what the handler gave is not from the cache: in %s',
    async (_, page, tag) => {
      const edit = `{% if user.isAdmin %}${tag}{{ title }}${tag && '{% endcachesweeper %}'}{% endif %}{{ user.name }}`;
      const templates = {
        'page.njk': page,
        'i.njk': edit,
        'm.njk': `{% macro edit() %}${edit}{% endmacro %}`,
        'l.njk': '<{% block main %}{% endblock %}>',
      };
      const plan: Partial<TemplatePlan> = {
        ...given({ title: 'T' }),
        holes: (req) => ({ user: userOf(req), article: new Article(1) }),
      };
      expect(await equal(templates, plan)).toBe('miss hit hit miss hit hit');
    },
  );

  test.each([
    ['a loop', '{% for user in authors %}', '{% endfor %}'],
    ['a set', '{% set user = authors[0] %}', ''],
    ['a macro', '{% macro m(user) %}', '{% endmacro %}{{ m(authors[0]) }}'],
  ])('another user than the visitor, bound by %s, is shown to who alone reads it', async (_, before, after) => {
    const hole = '{% uncached %}{% if isAdmin %}[{{ user.name }}]{% endif %}{% enduncached %}';
    const plan: Partial<TemplatePlan> = {
      ...given({ authors: [ann] }),
      holes: (req) => ({ user: userOf(req), isAdmin: (userOf(req) as User | undefined)?.isAdmin === true }),
    };
    expect(await equal(before + hole + after, plan)).toBe('miss hit hit miss hit hit');
  });

  test('what a template in a hole imports is its own', async () => {
    const templates = {
      'page.njk': '{% uncached %}{% include "i.njk" %}{% enduncached %}',
      'i.njk': '{% import "m.njk" as m with context %}{% macro show() %}{{ m.name() }}{% endmacro %}{{ show() }}',
      'm.njk': '{% macro name() %}{{ user.name }}{% endmacro %}',
    };
    expect(await equal(templates)).toBe('miss hit hit hit hit hit');
  });

  test('the same constant that a handler gives is not the visitor’s', async () => {
    const plan: Partial<TemplatePlan> = {
      holes: (req) => ({ lang: (userOf(req) as User | undefined)?.isAdmin ? 'de' : 'en' }),
      ...given({ lang: 'en' }),
    };
    expect(await equal('{% uncached %}{{ lang }}{% enduncached %}', plan)).toBe(NEVER);
  });

  test('a view inside of another gives its pages its own visitor’s variables', async () => {
    const page = `{% if user %}in{% endif %}{{ outer }}${HOLE}`;
    for (const outer of [undefined, () => ({ outer: 'outer' })]) {
      let around: ReturnType<typeof cacheView> | undefined;
      const made = await site(page, {
        before: (app) => {
          signedIn.before?.(app);
          app.use((req, res, next) => {
            around ??= cacheView({ sweeper: made.sweeper, ttl: 10, ...(outer && { holes: outer }) });
            around(req, res, next);
          });
        },
      });
      for (const [visitor, shown] of [
        ['a', 'in[Ann]'],
        ['b', 'in[Bob]'],
        [undefined, '[]'],
      ] as const) {
        const { text, cache } = await made.get('/', visitor);
        expect(text).toBe(shown.replace('[', outer ? 'outer[' : '['));
        expect(cache).not.toBe('hit');
      }
    }
  });

  test('holes are filled by the environment that rendered the page, where others have the same templates', async () => {
    for (const isNamed of [false, true]) {
      let other: nunjucks.Environment | undefined;
      const page = '{% uncached %}{{ brand }} {{ user.name }} {{ html }}{% enduncached %}';
      const made = await site(page, {
        globals: { brand: 'first' },
        environment: (env) => {
          Object.assign((env as unknown as { opts: object }).opts, { autoescape: false });
        },
        holes: (req) => ({ user: userOf(req), html: '<i>' }),
        handler: (_req, res, next) => {
          if (other === undefined) {
            const { searchPaths } = (made.env as unknown as { loaders: [{ searchPaths: string[] }] }).loaders[0];
            other = new nunjucks.Environment(new nunjucks.FileSystemLoader(searchPaths), { autoescape: true });
            other.addGlobal('brand', 'second');
            made.sweeper.install(other, isNamed ? { name: 'second' } : {});
          }
          other.render('page.njk', {}, (error, html) => (error ? next(error) : res.type('html').send(html)));
        },
      });
      const pages = await made.compare(['a', 'b', 'a']);
      expect(pages.map(({ text, cache }) => [text, cache])).toEqual([
        ['second Ann &lt;i&gt;', 'miss'],
        ['second Bob &lt;i&gt;', 'hit'],
        ['second Ann &lt;i&gt;', 'hit'],
      ]);
    }
  });

  test('a plain object of the visitor’s equals no other outside of holes; its members do', async () => {
    const plan = given({ author: ann });
    expect(await equal(`{% if author.id == user.id %}mine{% endif %}${HOLE}`, plan)).toBe(EACH);
    const made = await site(`{% if author == user %}mine{% endif %}${HOLE}`, plan);
    for (const visitor of ['a', 'b', 'a']) expect((await made.get('/', visitor)).text).not.toContain('mine');
  });

  test('a getter of the visitor is asked when the page asks, and what it returns is in the key', async () => {
    const holes: TemplatePlan['holes'] = (req) => {
      const own = userOf(req) as User | undefined;
      const user = own && {
        name: own.name,
        get initial() {
          return this.name[0];
        },
        get secret(): string {
          throw new Error('asked for a secret');
        },
      };
      return {
        get user() {
          return user;
        },
      };
    };
    expect(await equal(`{{ user.name }}${HOLE}`, { holes })).toBe(EACH);
    expect(await equal(`{{ user.initial }}${HOLE}`, { holes })).toBe(EACH);
    const failing = await (await site(`{{ user.secret }}${HOLE}`, { holes })).get('/', 'a');
    expect([failing.status, failing.text]).toEqual([500, expect.stringContaining('asked for a secret')]);
  });

  test('a member that other visitors’ objects inherit is in the key', async () => {
    const holes: TemplatePlan['holes'] = (req) => ({
      user: userOf(req),
      flags: (userOf(req) as User | undefined)?.isAdmin ? { toString: false } : {},
    });
    expect(await equal(`{{ 'no' if flags.toString else 'yes' }}${HOLE}`, { holes })).toBe('miss hit hit miss hit hit');
  });

  test('what a fragment has read of the visitor is in the key, where it comes from the cache as well', async () => {
    const others: Readonly<Record<string, User>> = { ...users, d: { ...ann, theme: 'light' } };
    const plan: Partial<TemplatePlan> = {
      before: (app) => {
        app.use((req: Request & { user?: unknown }, _res: Response, next: NextFunction) => {
          req.user = others[String(req.headers['x-visitor'])];
          next();
        });
      },
      holes: (req) => {
        const { name, theme } = (userOf(req) ?? {}) as Partial<User>;
        return { look: { name, theme } };
      },
    };
    const page = '{{ look.name }}{% cachesweeper "Article" 500 %}{{ look.theme }}{% endcachesweeper %}';
    expect(await equal(page, plan, ['a', 'c', 'b', 'd', 'b', 'd', 'a'])).toBe('miss miss miss miss hit hit hit');
  });
});
