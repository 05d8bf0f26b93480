import { fileURLToPath } from 'node:url';
import type { Io } from '../../src/cli/io.ts';
import { run } from '../../src/cli/run.ts';

export const root = fileURLToPath(new URL('../../', import.meta.url));

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

interface Terminal {
  readonly columns?: number;
  readonly env?: Io['env'];
  readonly cwd?: string;
}

/** Runs the command in this process. With `columns` it writes to a terminal of that width. */
export async function cli(argv: readonly string[], { columns, env = {}, cwd = root }: Terminal = {}): Promise<Ran> {
  let out = '';
  let err = '';
  const isTTY = columns !== undefined;
  const stdout = {
    isTTY,
    columns,
    write: (text: string) => {
      out += text;
    },
  };
  const stderr = {
    isTTY,
    columns,
    write: (text: string) => {
      err += text;
    },
  };
  const code = await run(argv, { stdout, stderr, env, cwd, version: '1.2.3' });
  return { code, out, err };
}
