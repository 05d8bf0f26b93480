import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests of the library import its source by the package's own name, as users would.
    alias: { 'nunjucks-cachesweeper': new URL('./src/index.ts', import.meta.url).pathname },
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
});
