import { defineConfig } from 'vitest/config';
import { mutantsPlugin } from './test/freshness/mutants-plugin.ts';
import { isDeep, isLong } from './test/support/long.ts';

const source = (path: string) => new URL(`./src/${path}`, import.meta.url).pathname;

/**
 * Folders whose files change nothing of their process, or take it back, and end what they start: they run one after the other in the same
 * processes. Starting one and loading everything takes longer than most of these files.
 */
const together = [
  'causes',
  'cli',
  'constructs',
  'docs',
  'fragment',
  'frameworks',
  'http',
  'making',
  'memcached',
  'metrics',
  'orm',
  'outbox',
  'package',
  'panel',
  'reads',
  'redis',
  'sql',
  'stores',
  'sweeper',
  'template',
  'types',
  'views',
  'waiting',
]
  // Those of mutants load the library once for each, and take so long that they begin first.
  .map((folder) => `test/${folder}/**/!(mutants).test.ts`);

export default defineConfig({
  plugins: [mutantsPlugin()],
  test: {
    projects: [
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: together } },
      { extends: true, test: { name: 'together', include: together, isolate: false } },
    ],
    setupFiles: ['test/support/ended-servers.ts', 'test/support/seeded.ts'],
    // Tests of the library import its source by the package's own names, as users would.
    alias: [
      { find: /^nunjucks-cachesweeper$/, replacement: source('index.ts') },
      { find: /^nunjucks-cachesweeper\/(memcached|redis|sql)$/, replacement: source('stores/$1/index.ts') },
      { find: /^nunjucks-cachesweeper\/testing$/, replacement: source('testing/index.ts') },
      { find: /^nunjucks-cachesweeper\/metrics$/, replacement: source('metrics/index.ts') },
      { find: /^nunjucks-cachesweeper\/panel$/, replacement: source('panel/index.ts') },
      { find: /^nunjucks-cachesweeper\/http$/, replacement: source('http-api/index.ts') },
      { find: /^nunjucks-cachesweeper\/(express|fastify|koa|hapi)$/, replacement: source('views/$1.ts') },
      { find: /^nunjucks-cachesweeper\/(sequelize|typeorm|prisma|knex)$/, replacement: source('orm/$1.ts') },
    ],
    // One more than the cores of a small machine, and of CI: some tests mostly wait, for a server that is away or for a process of their own.
    maxWorkers: 3,
    // Sizes that are for CI or for hours take longer. What hangs is found all the same.
    testTimeout: isLong ? 3_600_000 : isDeep ? 120_000 : 20_000,
    hookTimeout: 60_000,
  },
});
