import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import { page, pairs, uses } from '../reads/text-uses.ts';
import type { Templates } from '../support/loaders.ts';
import { ways } from './precompiled.ts';

/** The same templates without tags. */
class Plain extends nunjucks.Loader {
  readonly #templates: Templates;
  constructor(templates: Templates) {
    super();
    this.#templates = templates;
  }
  getSource(name: string): nunjucks.LoaderSource {
    const src = (this.#templates[name] as string)
      .replace(/{% cachesweeper .*?%}/g, '{% if true %}')
      .replaceAll('{% endcachesweeper %}', '{% endif %}');
    return { src, path: name, noCache: false };
  }
}

describe.each(Object.entries(ways))('%s: the text of what is used bare counts', (_way, siteOf) => {
  test.each(Object.entries(uses))('%s', async (_use, source) => {
    const templates = typeof source === 'string' ? { 'page.njk': source } : source;
    const { render } = siteOf(templates);
    const plain = new nunjucks.Environment(new Plain(templates) as unknown as nunjucks.ILoader, { autoescape: true });
    const [one, two] = pairs['a model whose text depends on a boolean'] as (typeof pairs)[string];
    for (let i = 0; i < 3; i++) {
      for (const x of [one, two]) expect(await render(page(x()))).toBe(plain.render('page.njk', page(x())));
    }
  });
});
