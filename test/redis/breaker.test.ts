import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { Channel } from '../../src/stores/redis/channel.ts';
import type { Connection } from '../../src/stores/redis/connection.ts';
import { Redis, until } from '../support/redis.ts';
import { CLIENTS, clientOpener, kindsOf, type Open } from './clients.ts';
import { CALL, item, SHORT, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

describe.each(kindsOf<Open>(CLIENTS))('over %s', (_name, open) => {
  test('a server that is away is waited for once, told once, and used again when it is back', async () => {
    const server = await Redis.start();
    const { store, errors } = openStore(openClient(open, server.port));
    await store.setMany('entry', [item('e', 'html')], CALL);
    await server.kill();
    await until(
      async () =>
        (await store.getMany('entry', ['e'], SHORT))[0]?.state === 'unknown' &&
        store.stats().entries.state === 'failed',
    );
    const { refused } = store.stats().entries;
    const started = performance.now();
    for (let i = 0; i < 20; i++) expect(shown(await store.getMany('entry', ['e'], CALL))).toEqual(['unknown']);
    // None of them has waited.
    expect(performance.now() - started).toBeLessThan(CALL.timeout);
    expect(store.stats().entries.refused).toBe(refused + 20);
    expect(errors.map(({ code }) => code)).toEqual(['CACHESWEEPER_STORE_UNREACHABLE']);
    await server.start();
    await until(async () => (await store.getMany('entry', ['e'], CALL))[0]?.state === 'missing');
    expect(store.stats().entries.state).toBe('ready');
  });
});

/** A client whose commands are answered when the test says so. */
class Unanswered implements Connection {
  readonly isCluster = false;
  readonly answers: (() => void)[] = [];
  isConnected = true;
  renewals = 0;

  isReady = () => this.isConnected;
  renew = () => void this.renewals++;
  close = () => {};
  send = () => new Promise<void>((resolve) => this.answers.push(resolve));
}

describe('a server that does not answer', () => {
  let connection: Unanswered;
  let errors: string[];
  let channel: Channel;
  const ask = (timeout = 100, isVital = false, bytes = 10) => {
    const answers = ['unknown'];
    return channel.run(answers, { bytes, timeout, does: 'read', isVital }, async () => {
      await connection.send();
      answers[0] = 'known';
    });
  };

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] });
    connection = new Unanswered();
    errors = [];
    channel = new Channel(connection, ({ message }) => errors.push(message));
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets time pass, and returns what a call was answered. */
  const answered = async (call: Promise<readonly string[]>, time = 100) => {
    await vi.advanceTimersByTimeAsync(time + 1);
    return (await call)[0];
  };

  test('is asked for a second, and then every half second until it answers', async () => {
    for (let i = 0; i < 10; i++) expect(await answered(ask())).toBe('unknown');
    expect(connection.answers).toHaveLength(10);
    expect(channel.stats.state).toBe('failed');
    for (let i = 0; i < 20; i++) await answered(ask());
    // 20 times 0.1 s: one at once, and one in every half second.
    expect(connection.answers.length).toBeGreaterThan(12);
    expect(connection.answers.length).toBeLessThan(16);
    expect(errors).toEqual(['no answer for 1000 ms']);
    for (const answer of connection.answers.splice(0)) answer();
    await vi.advanceTimersByTimeAsync(1);
    expect(channel.stats.state).toBe('ready');
    const call = ask();
    await vi.advanceTimersByTimeAsync(1);
    connection.answers[0]?.();
    expect(await answered(call)).toBe('known');
  });

  test('a late answer changes nothing of what the caller got', async () => {
    const call = ask();
    await vi.advanceTimersByTimeAsync(101);
    const got = await call;
    connection.answers[0]?.();
    await vi.advanceTimersByTimeAsync(1);
    expect(got).toEqual(['unknown']);
  });

  test('what a client has lost is forgotten when a later call is answered', async () => {
    for (let i = 0; i < 12; i++) await answered(ask());
    connection.answers.splice(0, connection.answers.length - 1);
    expect(channel.stats.state).toBe('failed');
    connection.answers[0]?.();
    await vi.advanceTimersByTimeAsync(1);
    expect(channel.stats.state).toBe('ready');
  });

  test('no more than 16 MiB are on their way', async () => {
    const calls = Array.from({ length: 20 }, () => ask(100, false, 1024 * 1024));
    await vi.advanceTimersByTimeAsync(101);
    await Promise.all(calls);
    expect(connection.answers).toHaveLength(16);
    expect(channel.stats.dropped).toBe(4);
    for (const answer of connection.answers.splice(0)) answer();
    await vi.advanceTimersByTimeAsync(1);
    const call = ask();
    await vi.advanceTimersByTimeAsync(1);
    connection.answers[0]?.();
    expect(await answered(call)).toBe('known');
  });

  test('a vital call waits for the client to connect, even where others have waited in vain', async () => {
    connection.isConnected = false;
    expect(await answered(ask())).toBe('unknown');
    const refused = ask();
    await vi.advanceTimersByTimeAsync(0);
    expect(await refused).toEqual(['unknown']);
    const vital = ask(100, true);
    await vi.advanceTimersByTimeAsync(50);
    connection.isConnected = true;
    await vi.advanceTimersByTimeAsync(20);
    connection.answers[0]?.();
    expect(await answered(vital)).toBe('known');
    expect(errors).toEqual(['the client is not connected']);
  });

  test('closing the channel answers all callers at once', async () => {
    const calls = [ask(), ask()];
    connection.isConnected = false;
    await vi.advanceTimersByTimeAsync(1);
    const waiting = ask();
    channel.close();
    await vi.advanceTimersByTimeAsync(20);
    expect(await Promise.all([...calls, waiting])).toEqual([['unknown'], ['unknown'], ['unknown']]);
  });
});
