import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { encodeRequests, Opcode } from '../../src/stores/memcached/wire.ts';
import { Memcached } from '../support/memcached.ts';
import { frame, honest, ScriptedServer } from '../support/scripted-server.ts';
import { CALL, item, opener, roundTrip } from './support.ts';

const open = opener();
const right = { username: 'site', password: 'correct horse' };
const wrong = { username: 'site', password: 'battery staple' };

/** What every server that asks for a password must show. */
function itAuthenticates(address: () => string) {
  test('with the right password everything works', async () => {
    const { store, errors } = open({ servers: address(), ...right });
    expect(await store.setMany('token', [item('a', 'x')], CALL)).toEqual([true]);
    expect((await store.getMany('token', ['a'], CALL))[0]?.state).toBe('found');
    expect(errors).toEqual([]);
  });

  test('username and password may come from the environment', async () => {
    vi.stubEnv('MEMCACHED_USERNAME', right.username);
    vi.stubEnv('MEMCACHED_PASSWORD', right.password);
    const { store } = open(address());
    vi.unstubAllEnvs();
    expect(await roundTrip(store)).not.toBe('unknown');
  });

  test('with a wrong password everything is unknown, and the error does not show it', async () => {
    const { store, errors } = open({ servers: address(), ...wrong });
    expect(await roundTrip(store)).toBe('unknown');
    expect(await store.setMany('token', [item('b', 'x')], CALL)).toEqual([false]);
    expect(errors[0]?.code).toBe('CACHESWEEPER_STORE_UNREACHABLE');
    expect(errors[0]?.message).toContain('the server refused the username and the password');
    expect(JSON.stringify([errors[0]?.message, String(errors[0]?.cause)])).not.toContain(wrong.password);
  });

  test('without one the error says that the server asks for it', async () => {
    const { store, errors } = open(address());
    expect(await roundTrip(store)).toBe('unknown');
    expect(errors[0]?.message).toContain('the server asks for a username and a password');
  });
}

describe('a scripted server that asks for a password', () => {
  let server: ScriptedServer;
  beforeAll(async () => {
    server = await ScriptedServer.start();
    server.credentials = right;
  });
  itAuthenticates(() => server.address);

  test("memjs' own environment variables are not used: they may be meant for another server", async () => {
    for (const name of ['MEMCACHIER', 'MEMCACHE']) {
      vi.stubEnv(`${name}_USERNAME`, right.username);
      vi.stubEnv(`${name}_PASSWORD`, right.password);
    }
    const { store } = open(server.address);
    const state = await roundTrip(store);
    vi.unstubAllEnvs();
    expect(state).toBe('unknown');
  });
});

describe('a real Memcached that asks for a password', () => {
  // Its SASL library asks a saslauthd, which is this test: four texts with their lengths, answered by one.
  const folder = mkdtempSync(join(tmpdir(), 'cachesweeper-sasl-'));
  const saslauthd = createServer((socket) => {
    let asked = Buffer.alloc(0);
    socket.on('error', () => {});
    socket.on('data', (data) => {
      asked = Buffer.concat([asked, data]);
      const texts: string[] = [];
      for (let at = 0; at + 2 <= asked.length && texts.length < 4; ) {
        const end = at + 2 + asked.readUInt16BE(at);
        if (end > asked.length) return;
        texts.push(asked.toString('utf8', at + 2, end));
        at = end;
      }
      if (texts.length < 4) return;
      const isRight = texts[0] === right.username && texts[1] === right.password;
      socket.end(Buffer.concat([Buffer.of(0, 2), Buffer.from(isRight ? 'OK' : 'NO')]));
    });
  });
  let memcached: Memcached;

  beforeAll(async () => {
    const path = join(folder, 'mux');
    await new Promise<void>((resolve) => saslauthd.listen(path, resolve));
    const settings = ['mech_list: plain', 'pwcheck_method: saslauthd', `saslauthd_path: ${path}`];
    writeFileSync(join(folder, 'memcached.conf'), `${settings.join('\n')}\n`);
    vi.stubEnv('SASL_CONF_PATH', folder);
    memcached = await Memcached.start('-S');
    vi.unstubAllEnvs();
    const socket = connect(memcached.port, '127.0.0.1');
    socket.write(encodeRequests(Opcode.saslList, [{ key: '' }], 0));
    const [mechanisms] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    if (!mechanisms.includes('PLAIN')) {
      throw new Error("memcached's SASL library has no PLAIN: install it (apt-get install libsasl2-modules)");
    }
  });
  afterAll(() => {
    saslauthd.close();
    rmSync(folder, { recursive: true });
  });
  itAuthenticates(() => memcached.address);
});

describe('a server that does not know what it wants', () => {
  test('a password for a server that asks for none is an error that says so', async () => {
    const server = await ScriptedServer.start();
    const { store, errors } = open({ servers: server.address, ...right });
    expect(await roundTrip(store)).toBe('unknown');
    expect(errors[0]?.message).toContain('or knows none (status 0x81)');
  });

  test.each([0x20, 0x21])('a frame of authentication (0x%s) that comes later ends the connection', async (opcode) => {
    const server = await ScriptedServer.start();
    server.credentials = right;
    const { store, errors } = open({ servers: server.address, ...right });
    await store.setMany('token', [item('a', 'x')], CALL);
    server.behaviour = (socket, exchanges) => {
      server.behaviour = honest;
      socket.write(frame({ opcode, opaque: 0 }, { value: Buffer.from('PLAIN') }));
      honest(socket, exchanges);
    };
    expect((await store.getMany('token', ['a'], CALL))[0]?.state).toBe('unknown');
    expect(errors[0]?.message).toContain('the server spoke of authentication');
    await expect.poll(async () => (await store.getMany('token', ['a'], CALL))[0]?.state).toBe('found');
  });

  test('one that lists its mechanisms and never says more is given up after a second', async () => {
    const server = await ScriptedServer.start();
    server.credentials = right;
    server.behaviour = (socket, exchanges) =>
      honest(
        socket,
        exchanges.filter(({ request }) => request.opcode === 0x20),
      );
    const { store, errors } = open({ servers: server.address, ...right });
    expect(await roundTrip(store)).toBe('unknown');
    expect(errors[0]?.message).toContain('no answer for 1000 ms while connecting');
  });
});
