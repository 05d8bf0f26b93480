/** The pages of the docs in the order in which the site lists them, each by its path in the repository. */
export const SIDEBAR: readonly {
  readonly text: string;
  readonly pages: readonly (readonly [title: string, page: string])[];
}[] = [
  {
    text: 'Start',
    pages: [
      ['What it is', 'README.md'],
      ['Guide', 'docs/guide.md'],
      ['Frameworks', 'docs/frameworks.md'],
      ['Recipes', 'docs/recipes.md'],
      ['Migration', 'docs/migration.md'],
    ],
  },
  {
    text: 'Data',
    pages: [
      ['ORMs and query builders', 'docs/orm.md'],
      ['HTTP APIs', 'docs/http.md'],
    ],
  },
  { text: 'Whole pages', pages: [['Views', 'docs/views.md']] },
  {
    text: 'Stores',
    pages: [
      ['Which one', 'docs/stores.md'],
      ['Memcached', 'docs/memcached.md'],
      ['Redis', 'docs/redis.md'],
      ['SQL', 'docs/sql.md'],
    ],
  },
  {
    text: 'See what it does',
    pages: [
      ['Panel', 'docs/panel.md'],
      ['Command line', 'docs/cli.md'],
      ['Metrics', 'docs/metrics.md'],
    ],
  },
  {
    text: 'In production',
    pages: [
      ['Reliability', 'docs/reliability.md'],
      ['Performance', 'docs/performance.md'],
    ],
  },
  {
    text: 'Reference',
    pages: [
      ['Tag, options, methods', 'docs/reference.md'],
      ['Errors', 'docs/errors.md'],
      ['Changelog', 'CHANGELOG.md'],
    ],
  },
  {
    text: 'How it is made',
    pages: [
      ['Architecture', 'docs/architecture.md'],
      ['Contributing', 'CONTRIBUTING.md'],
      ['Benchmark results', 'bench/results.md'],
    ],
  },
];

/** What pages link to and is no page. */
export const FILES: readonly string[] = [
  'docs/grafana-dashboard.json',
  'test/docs/limits.test.ts',
  'test/freshness/limits.test.ts',
];
