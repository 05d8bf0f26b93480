import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const SCRIPT = fileURLToPath(new URL('young.mjs', import.meta.url));

// In a process of its own, on what was built: what else a test process collects would be counted as well.
test.each(['memory', 'store', 'uncached', 'unseen'])(
  'a delivered page dies young, %s: nothing in the old generation points to it',
  (kind) => {
    // A full collection in the middle would hide it; and optimised code may leave closures out, sooner or later.
    const flags = ['--expose-gc', '--max-semi-space-size=16', '--no-incremental-marking', '--no-opt', '--no-sparkplug'];
    const { bytes, kept } = JSON.parse(execFileSync(process.execPath, [...flags, SCRIPT, kind], { encoding: 'utf8' }));
    expect(bytes).toBeGreaterThan(50 * 1_024);
    // A page whose html is kept leaves all of it, one whose scopes are kept 5 KB; what is left without either is under 1 KB.
    expect(kept).toBeLessThan(2 * 1_024);
  },
);
