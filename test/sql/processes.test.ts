import { fork } from 'node:child_process';
import { once } from 'node:events';
import { SqlStore } from 'nunjucks-cachesweeper/sql';
import { afterAll, expect, test } from 'vitest';
import { sized } from '../support/long.ts';
import { SqliteFile } from './support.ts';

const file = new SqliteFile();
afterAll(() => file.stop());

interface Seen {
  readonly added: readonly number[];
  readonly unacknowledged: number;
  readonly ownLost: number;
  readonly otherWentBack: number;
  readonly unknown: number;
}

test('two processes share a file: each sees what the other has written, none loses a write, and of an add one is told', async () => {
  await new SqlStore(file.connect()).createTable();
  const rounds = sized(50, 5_000, 1_000);
  const run = async (name: string, other: string): Promise<Seen> => {
    const child = fork(new URL('worker.mjs', import.meta.url), [file.filename, name, other, String(rounds)]);
    const exit = once(child, 'exit');
    const [seen] = await Promise.race([once(child, 'message'), exit]);
    if (child.connected) child.disconnect();
    await exit;
    return seen as Seen;
  };
  const both = await Promise.all([run('one', 'two'), run('two', 'one')]);
  for (const seen of both) {
    expect(seen).toMatchObject({ unacknowledged: 0, ownLost: 0, otherWentBack: 0, unknown: 0 });
  }
  const added = both.flatMap((seen) => seen.added).sort((a, b) => a - b);
  expect(added).toEqual(Array.from({ length: rounds }, (_, i) => i + 1));
}, 60_000);
