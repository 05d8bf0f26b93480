import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';

const root = new URL('../../../', import.meta.url).pathname;

/** The pages in the order of the sidebar. */
const SECTIONS: readonly (readonly [title: string, pages: readonly (readonly [title: string, path: string])[]])[] = [
  [
    'Start',
    [
      ['What it is', '/'],
      ['Guide', '/docs/guide'],
      ['Frameworks', '/docs/frameworks'],
      ['Recipes', '/docs/recipes'],
      ['Migration', '/docs/migration'],
    ],
  ],
  [
    'Data',
    [
      ['ORMs and query builders', '/docs/orm'],
      ['HTTP APIs', '/docs/http'],
    ],
  ],
  ['Whole pages', [['Views', '/docs/views']]],
  [
    'Stores',
    [
      ['Stores', '/docs/stores'],
      ['Memcached', '/docs/memcached'],
      ['Redis', '/docs/redis'],
      ['SQL', '/docs/sql'],
    ],
  ],
  [
    'In production',
    [
      ['Reliability', '/docs/reliability'],
      ['Performance', '/docs/performance'],
      ['Metrics', '/docs/metrics'],
    ],
  ],
  [
    'Reference',
    [
      ['Reference', '/docs/reference'],
      ['Errors', '/docs/errors'],
      ['Changelog', '/CHANGELOG'],
    ],
  ],
  [
    'How it is made',
    [
      ['Architecture', '/docs/architecture'],
      ['Contributing', '/CONTRIBUTING'],
      ['Benchmark results', '/bench/results'],
    ],
  ],
];

/** Files that pages link to and that are no pages. */
const FILES = ['docs/grafana-dashboard.json'];

export default defineConfig({
  title: 'nunjucks-cachesweeper',
  description: 'A fragment cache for Nunjucks, invalidated exactly when your models are saved',
  // The repository, so that a link leads to the same page here and on GitHub.
  srcDir: root,
  srcExclude: ['{test,demo,src,scripts,templates,build,dist,coverage}/**'],
  rewrites: { 'README.md': 'index.md' },
  outDir: join(root, 'build/site'),
  cacheDir: join(root, 'build/site-cache'),
  cleanUrls: false,
  // Readers' own fonts: no request leaves the site.
  themeConfig: {
    search: { provider: 'local' },
    sidebar: SECTIONS.map(([text, pages]) => ({
      text,
      items: pages.map(([title, link]) => ({ text: title, link })),
    })),
    outline: [2, 3],
  },
  markdown: {
    languageAlias: { njk: 'jinja' },
    config: (md) => {
      // VitePress makes a Vue template of each page, in which the braces of Nunjucks would be Vue's.
      for (const name of ['text', 'code_inline']) {
        const rule = md.renderer.rules[name];
        md.renderer.rules[name] = (...given) => (rule?.(...given) ?? '').replaceAll('{{', '&#123;&#123;');
      }
    },
  },
  async buildEnd({ outDir }) {
    for (const file of FILES) await copyFile(join(root, file), join(outDir, file));
  },
});
