import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('young.mjs', import.meta.url));

// In a process of its own, on what was built: what else a test process collects would be counted as well.
test.each(['memory', 'store'])(
  'a delivered page dies young, %s: nothing in the old generation points to it',
  (kind) => {
    // A full collection in the middle would hide it.
    const flags = ['--expose-gc', '--max-semi-space-size=16', '--no-incremental-marking'];
    const { bytes, kept } = JSON.parse(execFileSync(process.execPath, [...flags, SCRIPT, kind], { encoding: 'utf8' }));
    expect(bytes).toBeGreaterThan(50 * 1_024);
    // What a page leaves is compiled code and the like; a page that is kept is all its html.
    expect(kept).toBeLessThan(bytes / 2);
  },
);
