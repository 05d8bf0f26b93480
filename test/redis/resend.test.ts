import { Redis as Io5 } from 'ioredis';
import { Redis as Io6 } from 'ioredis-6';
import { beforeAll, expect, test } from 'vitest';
import { Channel } from '../../src/stores/redis/channel.ts';
import { TokenCommands } from '../../src/stores/redis/token-commands.ts';
import { Redis } from '../support/redis.ts';
import { TrickyProxy } from '../support/tricky-proxy.ts';
import { CLIENTS, clientOpener } from './clients.ts';
import { CALL, item, shown, storeOpener } from './support.ts';

const openClient = clientOpener();
const openStore = storeOpener();

let server: Redis;
let proxy: TrickyProxy;
beforeAll(async () => {
  server = await Redis.start();
  proxy = await TrickyProxy.start(server.port);
});

/** A client that sends again what was not answered, when it has been told to connect; and one to see what the server has. */
async function opened(Client: typeof Io5 | typeof Io6) {
  let connect = () => {};
  const client = new (Client as typeof Io5)(Number(proxy.address.split(':')[1]), {
    // Never by itself.
    retryStrategy: () => 2 ** 30,
  });
  client.on('error', () => {});
  const { store } = openStore(client as Io5);
  const { store: other } = openStore(openClient(CLIENTS['redis 5'], server.port));
  await store.setMany('token', [item('t', 'first')], CALL);
  const lost = new Promise<void>((resolve) => client.on('reconnecting', () => resolve()));
  connect = () => void client.connect().catch(() => {});
  /** The request passes, the answer gets lost with the connection. */
  const loseAnswer = () => {
    proxy.tricks = [{ kind: 'pass' }, { kind: 'drop', at: 0 }];
  };
  return { client, store, other, lost, connect, loseAnswer };
}

test.each([
  ['ioredis 5', Io5],
  ['ioredis 6', Io6],
] as const)('what %s sends again because the answer was lost does not undo a later bump', async (_name, Client) => {
  const { client, store, other, lost, connect, loseAnswer } = await opened(Client);
  loseAnswer();
  const setting = store.setMany('token', [item('t', 'second')], CALL);
  await lost;
  expect(shown(await other.getMany('token', ['t'], CALL))).toEqual(['found second']);
  expect(await other.setMany('token', [item('t', 'third')], CALL)).toEqual([true]);
  connect();
  // It was written once, in its time.
  expect(await setting).toEqual([true]);
  expect(shown(await other.getMany('token', ['t'], CALL))).toEqual(['found third']);
  client.disconnect();
});

test('a token whose adding is sent again is told as added, not as that of another', async () => {
  const { client, store, other, lost, connect, loseAnswer } = await opened(Io5);
  loseAnswer();
  const adding = store.addMany('token', [item('t', 'no'), item('u', 'yes')], CALL);
  await lost;
  connect();
  expect(await adding).toEqual(['exists', 'added']);
  expect(shown(await other.getMany('token', ['t', 'u'], CALL))).toEqual(['found first', 'found yes']);
  client.disconnect();
});

test('what another master may have carried out is not written again by the one that refuses it', async () => {
  const sent: string[] = [];
  const id = (letter: string) => Buffer.from(letter.repeat(40));
  const promoted = {
    isCluster: false,
    isReady: () => true,
    renew: () => {},
    close: () => {},
    // It was promoted between the two.
    send: async () => {
      const isFirst = sent.push('script') === 1;
      return isFirst ? [id('a'), Date.now(), [null]] : [id('b'), Date.now()];
    },
  };
  const tokens = new TokenCommands(promoted, new Channel(promoted, () => {}), '{csw}', false);
  expect(await tokens.write('set', [item('t', 'x')], CALL.timeout)).toEqual([undefined]);
  expect(sent).toHaveLength(2);
});
