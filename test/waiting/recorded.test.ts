import nunjucks from 'nunjucks';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';

class Comment {
  readonly id = 7;
  revision = 1;
}

const LIST = '{% cachesweeper "Comment" 500 except="text" %}{{ text }}{% endcachesweeper %}';

test('using: an attribute is recorded only when all names are bumped, so that the next call bumps again', async () => {
  let now = 1_800_000_000_000;
  const clock = () => now;
  const data = new TestingStore({ now: clock });
  const losing = new TestingStore({ now: clock, shared: data });
  const make = (store: TestingStore) => {
    const env = new nunjucks.Environment(new ObjectLoader({ 'list.njk': LIST }));
    const sweeper = new CacheSweeper({ store, now: clock, onError: () => {} });
    sweeper.install(env);
    return { sweeper, render: (text: string) => sweeper.render(env, 'list.njk', { text }) };
  };
  const writer = make(losing);
  const reader = make(new TestingStore({ now: clock, shared: data }));
  await reader.render('old');
  now += 20_000;
  await reader.render('old');
  await reader.sweeper.idle();
  now += 20_000;
  expect(await reader.render('not asked for')).toBe('old');

  const comment = new Comment();
  losing.script = ({ method, keys }) =>
    method === 'setMany' && keys.some((key) => key.endsWith(':*')) ? { outcome: 'unknown' } : undefined;
  await expect(writer.sweeper.invalidateCacheFor(comment, { using: 'revision' })).rejects.toThrow('Comment:*');
  await expect(writer.sweeper.invalidateCacheFor(comment, { using: 'revision' })).rejects.toThrow('Comment:*');
  losing.script = undefined;
  await writer.sweeper.invalidateCacheFor(comment, { using: 'revision' });
  expect(await reader.render('new')).toBe('new');
  await writer.sweeper.close();
});
