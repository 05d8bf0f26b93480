import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Socket } from 'node:net';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { Connection } from '../../src/stores/memcached/connection.ts';
import { PendingBatch } from '../../src/stores/memcached/pending-batch.ts';
import { Opcode, type Packet, Status } from '../../src/stores/memcached/wire.ts';
import { Memcached } from '../support/memcached.ts';
import { frame, honest, ScriptedServer } from '../support/scripted-server.ts';
import { freePort } from '../support/server-process.ts';
import { IdleWatch } from '../support/stopwatch.ts';
import { Pages } from './pages.ts';
import { CALL, item, keys, opener, roundTrip } from './support.ts';

const open = opener();

/** How many requests went with each write on a client's socket. */
function writesTo(server: ScriptedServer): number[] {
  const port = Number(server.address.split(':')[1]);
  const writes: number[] = [];
  const count = (socket: Socket, bytes: Buffer) => {
    if (socket.remotePort !== port) return;
    let requests = 0;
    for (let at = 0; at < bytes.length; at += 24 + bytes.readUInt32BE(at + 8)) requests++;
    writes.push(requests);
  };
  const { _write: write, _writev: writev } = Socket.prototype;
  vi.spyOn(Socket.prototype, '_write').mockImplementation(function (this: Socket, chunk, ...rest) {
    count(this, chunk);
    write.call(this, chunk, ...rest);
  });
  vi.spyOn(Socket.prototype, '_writev').mockImplementation(function (this: Socket, chunks, ...rest) {
    count(this, Buffer.concat(chunks.map(({ chunk }) => chunk)));
    writev?.call(this, chunks, ...rest);
  });
  onTestFinished(() => void vi.restoreAllMocks());
  return writes;
}

describe('a round trip', () => {
  test('of 500 keys to one server is one write, and one stream of answers', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    const writes = writesTo(server);
    const wanted = keys(500);
    const answers = await store.getMany('entry', wanted, CALL);
    expect(answers).toEqual(wanted.map(() => ({ state: 'missing' })));
    await store.setMany(
      'entry',
      wanted.map((key) => item(key, 'x')),
      CALL,
    );
    expect(writes).toEqual([500, 500]);
    expect(server.connections).toBe(1);
  });

  test('of tokens and entries to one server is one write', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await roundTrip(store);
    const writes = writesTo(server);
    await Promise.all([store.getMany('token', keys(30), CALL), store.getMany('entry', keys(20), CALL)]);
    expect(writes).toEqual([50]);
    expect(server.connections).toBe(1);
  });

  test('of a page is one write', async () => {
    const server = await ScriptedServer.start();
    const pages = new Pages(new MemcachedStore(server.address));
    onTestFinished(() => pages.close());
    await pages.inService();
    const writes = writesTo(server);
    await pages.render();
    const { roundTrips, fragments } = pages.site.report;
    // The tokens of what stands outside, then what is under them.
    expect(writes.length).toBe(roundTrips);
    expect(writes.length).toBeLessThanOrEqual(3);
    expect(fragments.length).toBeGreaterThan(5);
  });

  test('that is asked for before there is a connection is sent with it, at once', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    const writes = writesTo(server);
    await Promise.all([store.getMany('token', keys(30), CALL), store.getMany('entry', keys(20), CALL)]);
    // The greeting, the round trip.
    expect(writes).toEqual([1, 50]);
  });

  test('asks the token server alone for tokens, whichever it is', async () => {
    const [a, b] = [await ScriptedServer.start(), await ScriptedServer.start()];
    const { store } = open({ servers: [a.address, b.address], tokenServer: b.address });
    await store.setMany(
      'token',
      keys(100).map((key) => item(key, 'x')),
      CALL,
    );
    expect(a.connections).toBe(0);
    expect(b.values.size).toBe(100);
    await store.setMany(
      'entry',
      keys(100).map((key) => item(key, 'x')),
      CALL,
    );
    expect(a.values.size).toBeGreaterThan(20);
    expect(a.values.size + b.values.size).toBe(200);
    expect([...a.values.keys()].every((key) => key.startsWith('e:'))).toBe(true);
  });
});

describe('connecting', () => {
  test('happens when the store is first used, not before', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(server.connections).toBe(0);
    expect(store.stats().servers[server.address]?.state).toBe('unused');
    await roundTrip(store);
    expect(server.connections).toBe(1);
    expect(store.stats().servers[server.address]?.state).toBe('ready');
  });

  test('a name that has several addresses, none of which answers, is reported with the reason', async () => {
    const port = await freePort();
    const { store, errors } = open(`localhost:${port}`);
    expect(await store.getMany('token', ['k'], CALL)).toEqual([{ state: 'unknown' }]);
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatchObject({ code: 'CACHESWEEPER_STORE_UNREACHABLE' });
    expect(errors[0]?.message).toContain(`Memcached localhost:${port} cannot be used (connect ECONNREFUSED`);
  });

  test('a name that does not exist is an answer, not an error of the process', async () => {
    const { store, errors } = open('no-such-host.invalid:11211');
    expect(await store.getMany('token', ['k'], CALL)).toEqual([{ state: 'unknown' }]);
    expect(errors[0]?.code).toBe('CACHESWEEPER_STORE_UNREACHABLE');
  });

  test('an idle store does not keep the process alive, nor does one whose server is gone', async () => {
    const memcached = await Memcached.start();
    const script = `
      import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
      const [there, gone] = process.argv.slice(1).map((address) => new MemcachedStore(address));
      const [answer] = await there.getMany('token', ['k'], { timeout: 5000 });
      const [none] = await gone.getMany('token', ['k'], { timeout: 5000 });
      console.log(answer.state, none.state);`;
    const child = spawn(
      process.execPath,
      ['--input-type=module', '-e', script, memcached.address, `127.0.0.1:${await freePort()}`],
      { cwd: new URL('../..', import.meta.url), stdio: ['ignore', 'pipe', 'inherit'] },
    );
    let said = '';
    child.stdout.on('data', (data) => {
      said += data;
    });
    // Were it kept alive this would never come.
    const [code] = await once(child, 'exit');
    expect(said).toBe('missing unknown\n');
    expect(code).toBe(0);
  });
});

describe('close()', () => {
  test('answers every call in flight, waiting for a connection or for an answer', async () => {
    const server = await ScriptedServer.start();
    const { store } = open(server.address);
    const calls = () => [
      store.getMany('token', keys(3), CALL),
      store.getMany('entry', keys(3), CALL),
      store.setMany('token', [item('a', 'x')], CALL),
      store.setMany('entry', [item('a', 'x')], CALL),
      store.addMany('token', [item('b', 'x')], CALL),
    ];
    const nothing = [
      keys(3).map(() => ({ state: 'unknown' })),
      keys(3).map(() => ({ state: 'unknown' })),
      [false],
      [false],
      ['unknown'],
    ];
    const watch = new IdleWatch();
    const waiting = calls();
    await store.close();
    expect(await Promise.all(waiting)).toEqual(nothing);

    const { store: second } = open(server.address);
    await roundTrip(second);
    server.behaviour = () => {};
    const unanswered = [second.getMany('token', keys(2), CALL), second.getMany('entry', keys(1), CALL)];
    await second.close();
    expect(await Promise.all(unanswered)).toEqual([
      [{ state: 'unknown' }, { state: 'unknown' }],
      [{ state: 'unknown' }],
    ]);
    // At once, not at their deadlines.
    expect(watch.stop()).toBeLessThan(CALL.timeout / 2);
    expect(await second.getMany('token', ['k'], CALL)).toEqual([{ state: 'unknown' }]);
  });
});

describe('the numbers of requests', () => {
  test('go round at 2^32', async () => {
    const server = await ScriptedServer.start();
    let ready: () => void = () => {};
    const isReady = new Promise<void>((resolve) => {
      ready = resolve;
    });
    const [host, port] = server.address.split(':') as [string, string];
    const ended: unknown[] = [];
    const connection = new Connection(
      { host, port: Number(port) },
      { username: undefined, password: undefined },
      { ready, ended: (error) => ended.push(error) },
      0xffffffff - 2,
    );
    await isReady;
    const read = ({ status }: Packet) => status;
    for (let i = 0; i < 3; i++) {
      const batch = new PendingBatch<number>(
        Opcode.getk,
        keys(4).map((key) => ({ key })),
        -1,
        read,
        5_000,
      );
      connection.send(batch);
      expect(await batch.answered).toEqual(keys(4).map(() => Status.missing));
    }
    expect(server.requests.map(({ opaque }) => opaque)).toEqual([
      0xfffffffd, 0xfffffffe, 0xffffffff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9,
    ]);
    connection.close();
    expect(ended).toEqual([undefined]);
  });
});

test('a frame that nobody asked for ends the connection, and another is opened', async () => {
  const server = await ScriptedServer.start();
  const { store, errors } = open(server.address);
  await roundTrip(store);
  server.behaviour = (socket, exchanges) => {
    honest(socket, exchanges);
    socket.write(frame({ opcode: Opcode.getk, opaque: 77 }, { key: 't:k' }));
    server.behaviour = honest;
  };
  await roundTrip(store);
  await expect.poll(() => errors.length).toBe(1);
  expect(errors[0]?.message).toContain('the server answered without having been asked');
  await expect.poll(() => roundTrip(store)).toBe('missing');
  expect(server.connections).toBe(2);
});
