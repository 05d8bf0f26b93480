import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { sites } from './running.ts';
import { type Handler, startExpress } from './sites.ts';

const MENU = { type: '@view', id: 'path:/menu' };

describe.each([
  ['with a store', () => ({ store: new TestingStore() })],
  ['without a store', () => ({})],
])('a view is a model, %s', (_kind, kind) => {
  const running = sites(startExpress, kind);

  describe.each(['models', 'depend'])('a page that names another view with %s', (how) => {
    async function pageOf(before: (site: { get: (path: string) => Promise<unknown> }) => Promise<unknown>) {
      let text = 'old';
      let meanwhile: (() => Promise<unknown>) | undefined;
      const handler: Handler = async (call) => {
        if (how === 'depend') await call.depend(MENU);
        const read = text;
        await meanwhile?.();
        call.send(read);
      };
      const site = await running([
        { path: '/page', handler, ...(how === 'models' ? { options: { models: () => [MENU] } } : {}) },
        { path: '/menu', handler: (call) => call.send('menu') },
      ]);
      await before(site);
      const edit = async () => {
        text = 'new';
        meanwhile = undefined;
        await site.sweeper.expireView('/menu');
      };
      const during = () => {
        meanwhile = edit;
      };
      return { ...site, edit, during };
    }

    test.each([
      ['has never been stored', async () => {}],
      ['is stored', (site: { get: (path: string) => Promise<unknown> }) => site.get('/menu')],
    ])('is stored, and made anew when that is expired, which %s', async (_what, before) => {
      const { get, edit } = await pageOf(before);
      expect((await get('/page')).text).toBe('old');
      expect((await get('/page')).cache).toBe('hit');
      await edit();
      expect((await get('/page')).text).toBe('new');
      expect((await get('/page')).cache).toBe('hit');
    });

    test('is not stored if that is expired while its handler runs', async () => {
      const { get, during } = await pageOf(async () => {});
      during();
      expect((await get('/page')).text).toBe('old');
      expect((await get('/page')).text).toBe('new');
    });
  });

  test('a page of an uncommitted transaction that changed its view is not stored', async () => {
    let text = 'committed';
    const { get, sweeper } = await running([
      {
        path: '/',
        handler: async (call) => {
          if (text !== 'committed') return call.send(text);
          await sweeper
            .transaction(async (t) => {
              t.invalidateCacheFor({ type: '@view', id: 'path:/' });
              call.send('uncommitted');
              await new Promise((resolve) => setTimeout(resolve, 50));
              throw new Error('rolled back');
            })
            .catch(() => {});
        },
      },
    ]);
    await get('/');
    text = 'rolled back';
    expect((await get('/')).text).toBe('rolled back');
  });
});
