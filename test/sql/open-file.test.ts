import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Driver from 'libsql';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { OpenFile } from '../../src/stores/sql/open-file.ts';
import { PreparedConnection } from '../../src/stores/sql/prepared.ts';
import { knexOn } from '../support/knex-sqlite.mjs';
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

describe('a connection that was opened before the store first uses it', () => {
  const changes: Readonly<Record<string, () => void>> = {
    deleted: () => remove('', '-wal', '-shm'),
    replaced: () => {
      remove('', '-wal', '-shm');
      // Another process has a new one.
      writeFileSync(file.filename, '');
    },
    moved: () => renameSync(file.filename, `${file.filename}.old`),
  };
  test.each(Object.keys(changes))('is not used if its file was %s in between', async (how) => {
    file = new SqliteFile();
    await opened();
    const database = new Driver(file.filename);
    database.prepare('SELECT k FROM cachesweeper').all([]);
    changes[how]?.();
    const { store } = open(knexOn(database));
    expect(await store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
    const two = await opened();
    expect(await two.store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
    expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  });
});

test.each(['-wal', '-shm'])('a file whose %s was replaced before the store first uses it is not used', async (part) => {
  file = new SqliteFile();
  await opened();
  const database = new Driver(file.filename);
  database.prepare('SELECT k FROM cachesweeper').all([]);
  remove(part);
  // Another process has a new one.
  writeFileSync(file.filename + part, '');
  const { store, errors } = open(knexOn(database));
  expect(await store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining(`${part} was deleted or replaced`)]);
});

test('a write is not acknowledged if the file was deleted meanwhile: another process may have one that lacks it', async () => {
  file = new SqliteFile();
  await opened();
  const database = new Driver(file.filename);
  const { exec } = database;
  database.exec = (sql) => {
    const result = exec.call(database, sql);
    if (sql === 'COMMIT') remove('', '-wal', '-shm');
    return result;
  };
  const { store, errors } = open(knexOn(database));
  expect(await store.setMany('token', [item('a', 'lost')], CALL)).toEqual([false]);
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('was deleted or replaced')]);
});

describe('a path that leads elsewhere is noticed', () => {
  /** Makes a path of links, of which the last one is replaced: nothing changes in the folder of the first one. */
  function linked(from: string, to: string): void {
    const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-open-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    mkdirSync(join(folder, 'links'));
    const link = join(folder, 'links', 'x');
    symlinkSync(from, link);
    symlinkSync(link, join(folder, 'x'));
    const opened = openSync(from, 'r');
    onTestFinished(() => closeSync(opened));
    const file = new OpenFile(join(folder, 'x'), () => false);
    file.check();
    rmSync(link);
    symlinkSync(to, link);
    expect(() => file.check()).toThrow('x was deleted or replaced');
  }

  test('although nothing has changed in its folder, as where something is mounted', () => {
    linked(import.meta.filename, join(import.meta.dirname, 'support.ts'));
  });

  test('although it has the same number there, in another file system', () => {
    expect(statSync('/proc').ino).toBe(statSync('/sys').ino);
    linked('/proc', '/sys');
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

describe('files that are attached', () => {
  const path = () => `${file.filename}-other`;

  test('may come and go, where the table is in another one', async () => {
    file = new SqliteFile();
    const database = new Driver(file.filename);
    database.exec(`ATTACH '${path()}' AS other; CREATE TABLE other.rows (k)`);
    const { store, errors } = open(knexOn(database));
    await store.createTable();
    database.exec('DETACH other');
    rmSync(path());
    expect(await store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
    expect(errors).toEqual([]);
  });

  test('are looked at where the table is in one, attached after the store has used the connection', async () => {
    file = new SqliteFile();
    const database = new Driver(file.filename);
    const { store } = open(knexOn(database), { table: 'other.tokens' });
    await expect(store.createTable()).rejects.toThrow('other');
    database.exec(`ATTACH '${path()}' AS other`);
    await store.createTable();
    expect(await store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
    rmSync(path());
    expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  });
});

test('a log that another process deletes before this one has opened it, as it closes the file, is not missed', async () => {
  file = new SqliteFile();
  const database = new Driver(file.filename);
  const read = () => new PreparedConnection(database, 'main').query('SELECT * FROM rows');
  await expect(read()).rejects.toThrow('no such table');
  const other = new Driver(file.filename);
  other.exec('PRAGMA journal_mode = WAL; CREATE TABLE rows (k)');
  database.exec('BEGIN');
  await expect(read()).rejects.toThrow('transaction');
  other.close();
  expect(existsSync(`${file.filename}-wal`)).toBe(false);
  database.exec('COMMIT');
  expect(await read()).toEqual([]);
  expect(await read()).toEqual([]);
});

test('a file that is locked for one process has no memory that is shared', async () => {
  file = new SqliteFile();
  const database = new Driver(file.filename);
  database.exec('PRAGMA locking_mode = EXCLUSIVE');
  const { store, errors } = open(knexOn(database));
  await store.createTable();
  expect(await store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
  expect(await texts(store, ['a'])).toEqual(['new']);
  expect(errors).toEqual([]);
});

test('a name without a schema is a table of the main file, not one of a file that is attached', async () => {
  file = new SqliteFile();
  const two = await opened();
  expect(await two.store.setMany('token', [item('a', 'old')], CALL)).toEqual([true]);
  const database = new Driver(':memory:');
  database.exec(`ATTACH '${file.filename}' AS cache`);
  const { store, errors } = open(knexOn(database));
  expect(await store.getMany('token', ['a'], CALL)).toEqual([{ state: 'unknown' }]);
  expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('no such table')]);
  const named = open(knexOn(database), { table: 'cache.cachesweeper' });
  expect(await texts(named.store, ['a'])).toEqual(['old']);
  expect(await two.store.setMany('token', [item('a', 'new')], CALL)).toEqual([true]);
  expect(await texts(named.store, ['a'])).toEqual(['new']);
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
