import { execFile } from 'node:child_process';
import type { Ran } from './support.ts';
import { root } from './support.ts';

/** Runs the built command in a process of its own. Each takes half a second, so that most tests use `cli`. */
export function bin(argv: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [`${root}dist/cli/main.js`, ...argv],
      { cwd: root, env: { ...process.env, ...env } },
      (_error, out, err) => resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}
