import { test } from 'vitest';
import { Site } from '../reads/support.ts';
import { constructs, context } from '../constructs/table.ts';
import { Article, Comment } from '../support/models.ts';
test('x', async () => {
  for (const c of constructs) {
    if (!/set of a loop variable inside|set of a parameter inside|set used by an include inside/.test(c.name)) continue;
    const s = new Site(c.templates, 'memory', { helpers: (e) => void e.addGlobal('ran', () => '') });
    for (let i = 0; i < 3; i++) console.log(c.name, await s.show(() => ({ ...context() })), JSON.stringify(s.fragments.map((f) => [f.reads, f.unseen])));
  }
});
