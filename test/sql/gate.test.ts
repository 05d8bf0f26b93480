import { beforeEach, expect, test } from 'vitest';
import type { SqlConnection } from '../../src/stores/sql/dialect.ts';
import { type Database, Gate, type Work } from '../../src/stores/sql/gate.ts';

/** A database whose statements end when the test says so. */
class FakeDatabase implements Database {
  readonly waiting: { end(): void; fail(error: unknown): void }[] = [];
  most = 0;
  inUse = 0;
  probes = 0;
  isDown = false;

  async acquire(): Promise<object> {
    this.most = Math.max(this.most, ++this.inUse);
    return {};
  }
  async release(): Promise<void> {
    this.inUse--;
  }
  connect(): SqlConnection {
    return {
      query: () =>
        new Promise((resolve, reject) => {
          this.waiting.push({ end: () => resolve([]), fail: reject });
        }),
    };
  }
  isBusy(error: unknown): boolean {
    return error === 'busy';
  }
  async probe(): Promise<void> {
    this.probes++;
    if (this.isDown) throw new Error('down');
  }
}

let database: FakeDatabase;
let failures: Error[];
let gate: Gate;
beforeEach(() => {
  database = new FakeDatabase();
  failures = [];
  gate = new Gate(database, 2, (error) => failures.push(error));
});

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** Runs one statement, whose answer is `done`. */
function run(more: Partial<Work<string>> & { readonly timeout?: number } = {}): Promise<string> {
  return gate.run({
    run: async (connection) => {
      await connection.query('');
      return 'done';
    },
    nothing: 'nothing',
    until: performance.now() + 5_000,
    isVital: false,
    rows: 1,
    bytes: 1,
    ...more,
  });
}

test('as many calls as connections are under way, others wait for their turn, and what is vital comes first', async () => {
  const order: string[] = [];
  const calls = ['a', 'b', 'c', 'vital'].map((name) =>
    run({ isVital: name === 'vital' }).then(() => {
      order.push(name);
    }),
  );
  for (let i = 0; i < 4; i++) {
    await turn();
    database.waiting.shift()?.end();
    await turn();
  }
  await Promise.all(calls);
  expect(order).toEqual(['a', 'b', 'vital', 'c']);
  expect(database).toMatchObject({ most: 2, inUse: 0 });
});

test('a call is answered at its deadline; one that has not begun by then never does', async () => {
  const first = [run(), run()];
  const until = performance.now() + 20;
  expect(await run({ until })).toBe('nothing');
  await turn();
  for (const { end } of database.waiting.splice(0)) end();
  expect(await Promise.all(first)).toEqual(['done', 'done']);
  await turn();
  expect(database.waiting).toEqual([]);
  expect(database.inUse).toBe(0);
});

test('what waits is limited in rows and bytes; what is vital is not', async () => {
  const calls = [run({ rows: 20_000 }), run()];
  expect(await Promise.all(calls.slice(1))).toEqual(['nothing']);
  expect(gate.stats.dropped).toBe(1);
  calls.push(run({ isVital: true }));
  await turn();
  for (const { end } of database.waiting.splice(0)) end();
  expect(await Promise.all(calls)).toEqual(['done', 'nothing', 'done']);
  const large = run({ bytes: 16 * 1024 * 1024 });
  expect(await run()).toBe('nothing');
  await turn();
  for (const { end } of database.waiting.splice(0)) end();
  expect(await large).toBe('done');
});

test('a failure is told once; then calls are answered at once, and one at a time looks whether the database is back', async () => {
  const failing = run();
  await turn();
  database.isDown = true;
  database.waiting.shift()?.fail(new Error('gone'));
  expect(await failing).toBe('nothing');
  expect(failures.map(({ message }) => message)).toEqual(['gone']);
  expect(await run()).toBe('nothing');
  expect(gate.stats).toMatchObject({ state: 'failed', refused: 1, failures: 1 });
  await expect.poll(async () => (await run()) === 'nothing' && database.probes).toBeGreaterThanOrEqual(2);
  expect(failures).toHaveLength(1);
  database.isDown = false;
  await expect
    .poll(async () => {
      await run({ until: performance.now() + 5 });
      return gate.stats.state;
    })
    .toBe('ready');
  for (const { end } of database.waiting.splice(0)) end();
});

test('what is vital is tried on a database that has failed, and tells that it is back', async () => {
  const failing = run();
  await turn();
  database.waiting.shift()?.fail(new Error('gone'));
  await failing;
  const vital = run({ isVital: true });
  await turn();
  database.waiting.shift()?.end();
  expect(await vital).toBe('done');
  expect(gate.stats.state).toBe('ready');
});

test('what others hindered is tried again, as long as there is time', async () => {
  const call = run();
  await expect.poll(() => database.waiting.length).toBe(1);
  database.waiting.shift()?.fail('busy');
  await expect.poll(() => database.waiting.length).toBe(1);
  database.waiting.shift()?.end();
  expect(await call).toBe('done');
  expect(gate.stats).toMatchObject({ busy: 1, failures: 0, state: 'ready' });
  const late = run({ until: performance.now() + 10 });
  await turn();
  const [statement] = database.waiting.splice(0);
  expect(await late).toBe('nothing');
  statement?.fail('busy');
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(database.waiting).toEqual([]);
  expect(failures).toEqual([]);
});

test('close() answers what waits and takes nothing more; connections go back when their statement has ended', async () => {
  const calls = [run(), run(), run()];
  await turn();
  gate.close();
  expect(await calls[2]).toBe('nothing');
  expect(await run({ isVital: true })).toBe('nothing');
  expect(database.inUse).toBe(2);
  for (const { end } of database.waiting.splice(0)) end();
  await turn();
  expect(database.inUse).toBe(0);
  expect(failures).toEqual([]);
});
