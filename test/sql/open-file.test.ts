import { mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Driver from 'libsql';
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { OpenFile } from '../../src/stores/sql/open-file.ts';
import { CALL, item, opener, SqliteFile, texts } from './support.ts';

const open = opener();
let file: SqliteFile;
afterEach(() => file.stop());

/** Deletes parts of the file, as `rm` would. */
function remove(...parts: readonly string[]): void {
  for (const part of parts) rmSync(file.filename + part, { force: true });
}

/** A store whose process has made the table. */
async function opened() {
  const one = open(file.connect());
  await one.store.createTable();
  return one;
}

test('a file of SQLite that is deleted or replaced while it is open is used no more: other processes have another one', async () => {
  file = new SqliteFile();
  const one = await opened();
  expect(await one.store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
  remove('', '-wal', '-shm');
  expect(await one.store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  const two = await opened();
  expect(await two.store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
  expect(await one.store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  expect(await one.store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
  expect(await texts(two.store, ['a'])).toEqual(['new']);
  expect(one.errors.map(({ message }) => message)).toEqual([expect.stringContaining('was deleted or replaced')]);
});

test('a file that is replaced before the store has used it is not used either', async () => {
  file = new SqliteFile();
  const one = await opened();
  remove('', '-wal', '-shm');
  await opened();
  expect(await one.store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
});

test.each([
  ['log', ['-wal']],
  ['shared memory', ['-shm']],
])('a file whose %s is deleted is used no more: other processes have another one', async (_name, parts) => {
  file = new SqliteFile();
  const one = await opened();
  expect(await one.store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
  expect(await texts(one.store, ['a'])).toEqual(['old']);
  remove(...parts);
  expect(await one.store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  expect(await one.store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
  expect(one.errors.map(({ message }) => message)).toEqual([
    expect.stringMatching(/-(wal|shm) was deleted or replaced/),
  ]);
});

describe('in a folder in which nothing has changed for long', () => {
  const changes: Readonly<Record<string, (path: string, folder: string) => void>> = {
    deleted: (path) => rmSync(path),
    replaced: (path) => {
      writeFileSync(`${path}.new`, 'new');
      renameSync(`${path}.new`, path);
    },
    'replaced, and the time of the folder set back, as programs do that restore a backup': (path, folder) => {
      writeFileSync(`${path}.new`, 'new');
      renameSync(`${path}.new`, path);
      utimesSync(folder, 1, 1);
    },
  };
  const parts = ['', '-wal', '-shm'];
  test.each(Object.keys(changes).flatMap((how) => parts.map((part) => [`x.sqlite${part}`, how] as const)))(
    '%s that is %s is noticed',
    async (name, how) => {
      const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-open-'));
      onTestFinished(() => rmSync(folder, { recursive: true }));
      for (const part of parts) writeFileSync(join(folder, `x.sqlite${part}`), 'old');
      utimesSync(folder, 1, 1);
      const open = new OpenFile(join(folder, 'x.sqlite'));
      const now = Date.now() + 60_000;
      const clock = vi.spyOn(Date, 'now').mockReturnValue(now);
      onTestFinished(() => clock.mockRestore());
      open.check();
      open.check();
      // The clock of the system has steps of some milliseconds.
      await sleep(20);
      changes[how]?.(join(folder, name), folder);
      expect(() => open.check()).toThrow(`${name} was deleted or replaced`);
      expect(() => open.check()).toThrow(`${name} was deleted or replaced`);
    },
  );

  test('the file is noticed to be gone with its folder', () => {
    const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-open-'));
    writeFileSync(join(folder, 'x.sqlite'), 'old');
    const open = new OpenFile(join(folder, 'x.sqlite'));
    open.check();
    rmSync(folder, { recursive: true });
    expect(() => open.check()).toThrow('x.sqlite was deleted or replaced');
  });
});

test('an attached file that is deleted is used no more', async () => {
  file = new SqliteFile();
  const other = new SqliteFile();
  try {
    const attach = (connection: Driver.Database, done: (error: null, connection: Driver.Database) => void) => {
      connection.exec(`ATTACH '${other.filename}' AS cache`);
      done(null, connection);
    };
    const { store } = open(file.connect({ min: 1, max: 1, afterCreate: attach }), { table: 'cache.tokens' });
    await store.createTable();
    expect(await store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
    expect(await texts(store, ['a'])).toEqual(['old']);
    rmSync(other.filename);
    expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  } finally {
    await other.stop();
  }
});

test('the log of a file may come later: another process switches it to WAL', async () => {
  file = new SqliteFile();
  const early = new Driver(file.filename);
  const { store } = open(file.connect());
  early.exec('PRAGMA journal_mode = DELETE');
  expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]); // There is no table yet.
  await opened();
  await expect.poll(async () => (await store.getMany('token', ['a'], CALL))[0]?.state).toBe('missing');
  expect(await store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
  expect(await texts(store, ['a'])).toEqual(['new']);
  early.close();
});

test('a process that had to wait for another one while it made the table sees what that writes afterwards', async () => {
  file = new SqliteFile();
  const two = await opened();
  expect(await two.store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
  const other = new Driver(file.filename);
  // Something is left to be made, as at the first start.
  other.exec('DROP INDEX cachesweeper_expires');
  other.exec('BEGIN IMMEDIATE');
  const one = open(file.connect());
  const making = one.store.createTable();
  await sleep(20);
  other.exec('COMMIT');
  await making;
  expect(await texts(one.store, ['a'])).toEqual(['old']);
  expect(await two.store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
  expect(await texts(one.store, ['a'])).toEqual(['new']);
  other.close();
});
