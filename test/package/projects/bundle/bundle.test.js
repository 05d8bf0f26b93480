import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { BUNDLES, bundleOld } from './bundlers.js';

for (const [name, [file, bundle]] of Object.entries(BUNDLES)) {
  test(`${name}: the server caches, and import and require have one copy`, async () => {
    await bundle(file);
    assert.deepEqual(JSON.parse(execFileSync(process.execPath, [file], { encoding: 'utf8' })), {
      pages: ['page 1', 'page 1', 'view 2', 'view 2'],
      errors: 'errors',
      same: [true, true],
    });
  });
}

test('a bundler that reads no exports finds the root only', async () => {
  await assert.rejects(bundleOld(), /Can't resolve 'nunjucks-cachesweeper\/express'/);
});
