import { CacheSweeper } from 'nunjucks-cachesweeper';
import { afterEach, expect, test, vi } from 'vitest';

afterEach(() => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
});

function codes(warn: { mock: { calls: unknown[][] } }): unknown[] {
  return warn.mock.calls.map(([, options]) => (options as { code?: string }).code);
}

test('a sweeper without a store in one of several workers warns once that its bumps stay in the process', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  vi.stubEnv('NODE_APP_INSTANCE', '1');
  const sweeper = new CacheSweeper();
  await sweeper.invalidateCacheFor('Comment');
  await sweeper.invalidateAll();
  expect(codes(warn)).toEqual(['CACHESWEEPER_LOCAL_BUMP']);
});

test('a sweeper without a store in the only process does not warn', async () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
  await new CacheSweeper().invalidateAll();
  expect(codes(warn)).toEqual([]);
});
