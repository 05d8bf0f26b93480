import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { defineConfig } from 'vitepress';
import { headingAnchor } from '../heading-anchor.ts';
import { FILES, SIDEBAR } from '../sidebar.ts';

const root = new URL('../../../', import.meta.url).pathname;

export default defineConfig({
  title: 'nunjucks-cachesweeper',
  description: 'A fragment cache for Nunjucks, invalidated exactly when your models are saved',
  lang: 'en',
  // The repository itself, so that a link leads to the same page here and on GitHub.
  srcDir: root,
  srcExclude: ['{test,demo,src,scripts,templates,build,dist,coverage}/**'],
  rewrites: { 'README.md': 'index.md' },
  outDir: join(root, 'build/site'),
  cacheDir: join(root, 'build/site-cache'),
  // The site may be copied to any folder of any server, which finds each page by its file's name.
  cleanUrls: false,
  // Charts stay files, which pages share.
  vite: { build: { assetsInlineLimit: 0 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: SIDEBAR.map(({ text, pages }) => ({
      text,
      items: pages.map(([title, page]) => ({
        text: title,
        link: page === 'README.md' ? '/' : `/${page.replace(/\.md$/, '')}`,
      })),
    })),
  },
  markdown: {
    anchor: { slugify: headingAnchor },
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
    for (const file of FILES) {
      await mkdir(dirname(join(outDir, file)), { recursive: true });
      await copyFile(join(root, file), join(outDir, file));
    }
  },
});
