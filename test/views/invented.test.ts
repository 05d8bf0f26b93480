import { randomBytes } from 'node:crypto';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { viewIdentities } from '../../src/views/view-names.ts';
import { Intruder } from '../support/intruder.ts';
import { Memcached } from '../support/memcached.ts';
import { sites } from './running.ts';
import { frameworks, type Handler } from './sites.ts';

let server: Memcached;
let intruder: Intruder;
beforeAll(async () => {
  server = await Memcached.start();
  intruder = new Intruder(server.port);
});
afterAll(() => intruder.close());

describe.each(frameworks)('%s: addresses that a visitor makes up, with a store', (name, start) => {
  const running = sites(start, () => ({ store: new MemcachedStore(server.address), namespace: name, memory: false }));
  const missing: Handler = (call) => {
    call.status(404);
    call.send('no such page');
  };
  const ownTokens = async () => (await intruder.keys()).filter((key) => key.startsWith(`t:${name}:1:@view:=`));

  test('write no token as long as nothing is stored', async () => {
    const { get } = await running([{ path: '/articles/:slug', handler: missing, options: { name: 'article' } }]);
    for (let i = 0; i < 20; i++) {
      const headers = { Host: `${randomBytes(4).toString('hex')}.example` };
      expect((await get(`/articles/${randomBytes(4).toString('hex')}`, headers)).cache).toBe('miss (status)');
    }
    expect(await ownTokens()).toEqual([]);
  });

  test('get tokens that expire when they are stored', async () => {
    const { get, sweeper } = await running([{ path: '/pages/:slug', handler: (call) => call.send('x') }]);
    await get('/pages/1');
    const keys = await ownTokens();
    expect(keys).toContain(`t:${name}:1:@view:=path:/pages/1`);
    expect(await intruder.withoutExpiry(`t:${name}:1:@view:=`)).toEqual([]);
    await sweeper.expireView('/pages/of-a-name-that-was-never-stored');
    expect(await intruder.withoutExpiry(`t:${name}:1:@view:=`)).toEqual([]);
  });

  test.each(['before it has a token', 'while its first answer is made'])(
    'an address is expired %s: what was made from the data before is not served',
    async (when) => {
      let text = 'old';
      let meanwhile: (() => Promise<unknown>) | undefined;
      const { get, sweeper } = await running([
        {
          path: `/${when.length}`,
          handler: async (call) => {
            const read = text;
            await meanwhile?.();
            call.send(read);
          },
        },
      ]);
      const edit = async () => {
        text = 'new';
        meanwhile = undefined;
        await sweeper.expireView(`/${when.length}`);
      };
      if (when.startsWith('while')) meanwhile = edit;
      else await edit();
      await get(`/${when.length}`);
      expect((await get(`/${when.length}`)).text).toBe('new');
      expect((await get(`/${when.length}`)).text).toBe('new');
    },
  );
});

test('names are short, however long path, host and parameters are, and as many as these are', () => {
  const long = (begin: string) => `${begin}${'x'.repeat(14_000)}`;
  const [one, two] = ['1', '2'].map((slug) =>
    viewIdentities({ host: long(slug), path: long(`/${slug}`), name: 'article', params: { slug: long(slug) } }),
  );
  for (const { id } of [...one!, ...two!]) expect(id?.length).toBeLessThan(300);
  const shared = one!.filter(({ id }) => two!.some((other) => other.id === id));
  expect(shared.map(({ id }) => id)).toEqual(['name:"article"']);
});
