import { setTimeout as sleep } from 'node:timers/promises';
import nunjucks from 'nunjucks';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import { ObjectLoader } from '../support/loaders.ts';
import { Article } from '../support/models.ts';

const FRAGMENT =
  '{% cachesweeper article 500 %}[{{ c.length }}|{% for x in c %}{{ x }},{% endfor %}]{% endcachesweeper %}';

/** A branch of the first pass calls back during the second: it knows only what the first one knew. */
test.each([
  ['before it', `{% if i == 1 %}{{ c | strict }}{% else %}{{ i | slow }}${FRAGMENT}{% endif %}`, [60, 200]],
  ['beside it', `{% if i == 2 %}{{ c | strict }}{% else %}{{ i | slow }}${FRAGMENT}{% endif %}`, [60, 150]],
  ['behind it', `{{ i | slow }}{% if i == 2 %}{{ c | strict }}{% else %}${FRAGMENT}{% endif %}`, [60, 1, 150, 150]],
])('what goes on in a pass that has failed %s is neither shown nor stored', async (_where, branch, delays) => {
  const source = `{% set c = comments() %}{% asyncAll i in [1, 2] %}${branch}{% endall %}`;
  const env = new nunjucks.Environment(new ObjectLoader({ 'page.njk': source }));
  env.addFilter('strict', (value: unknown) => {
    if (!Array.isArray(value)) throw new Error('not a list');
    return 'ok';
  });
  const left = [...delays];
  env.addFilter(
    'slow',
    (value: unknown, done: (error: null, value: unknown) => void) =>
      setTimeout(() => done(null, value), left.shift() ?? 0),
    true,
  );
  const sweeper = new CacheSweeper();
  sweeper.install(env);
  const render = () =>
    sweeper.render(env, 'page.njk', {
      article: new Article(1),
      comments: lazy(async () => {
        await sleep(20);
        return ['a', 'b'];
      }),
    });
  expect(await render()).toContain('[2|a,b,]');
  await sleep(250);
  expect(await render()).toContain('[2|a,b,]');
});
