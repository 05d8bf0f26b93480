import express from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { cacheView } from 'nunjucks-cachesweeper/express';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { serve } from '../frameworks/framework-suite.ts';
import { ObjectLoader } from '../support/loaders.ts';
import { ask } from '../views/client.ts';

interface User {
  readonly name: string;
}
interface Page {
  readonly ctx: { readonly user?: User };
  lookup(name: string): User | undefined;
}

/** What each visitor's page is given: who is there, or nothing. */
const asUser = (user: User | undefined) => ({ user });
const inLocals = (user: User | undefined) => ({ locals: { site: 'blog', user } });

const pages: Record<string, readonly [string, (user: User | undefined) => object]> = {
  'a global that looks it up': ['{{ lookedUp() }}', asUser],
  'a global that reads this.ctx': ['{{ read() }}', asUser],
  'a filter that looks it up': ['{{ "x" | lookedUp }}', asUser],
  'a filter that reads this.ctx': ['{{ "x" | read }}', asUser],
  'a macro that calls the global': ['{% macro m() %}{{ read() }}{% endmacro %}{{ m() }}', asUser],
  'a filter that is handed what it is in': ['{{ locals | who }}', inLocals],
  'a filter that is handed a list of it': ['{{ [locals] | first | who }}', inLocals],
  'a loop over what it is in': ['{% for k, v in locals %}{{ k }}={{ v.name or v }};{% endfor %}', inLocals],
  'a member': ['{{ locals.user.name }}', inLocals],
  'JSON of what it is in': ['{{ locals | dump }}', inLocals],
};

describe.each([
  ['in memory', () => ({})],
  ['in a store', () => ({ store: new TestingStore() })],
] as const)('a page that reads who is there without saying so is never stored, %s', (_kind, options) => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0)) await close();
  });

  test.each(Object.entries(pages))('%s', async (_how, [source, context]) => {
    const sweeper = new CacheSweeper({ ...options(), timeout: '10s' });
    const app = express();
    const env = new nunjucks.Environment(new ObjectLoader({ 'page.njk': `<p>${source}</p>` }));
    env.express(app);
    sweeper.install(env);
    env.addGlobal('lookedUp', function (this: Page) {
      return this.lookup('user')?.name ?? 'nobody';
    });
    env.addGlobal('read', function (this: Page) {
      return this.ctx.user?.name ?? 'nobody';
    });
    env.addFilter('lookedUp', function (this: Page) {
      return this.lookup('user')?.name ?? 'nobody';
    });
    env.addFilter('read', function (this: Page) {
      return this.ctx.user?.name ?? 'nobody';
    });
    env.addFilter('who', ({ user }: { user?: User }) => user?.name ?? 'nobody');
    app.get('/', cacheView({ sweeper, ttl: 300 } as never), (req, res) => {
      const name = req.get('x-name');
      res.render('page.njk', context(name === undefined ? undefined : { name }));
    });
    const site = await serve(app);
    closing.push(site.close, () => sweeper.close());
    for (const name of ['Ann', 'Ben', 'Ann']) {
      const answer = await ask(`${site.url}/`, { headers: { 'X-Name': name } });
      await sweeper.idle();
      const others = ['Ann', 'Ben'].filter((other) => other !== name);
      expect(answer.body.toString()).toContain(name);
      for (const other of others) expect(answer.body.toString()).not.toContain(other);
      expect(answer.headers['x-cache']).toBe('miss (private name)');
    }
  });
});
