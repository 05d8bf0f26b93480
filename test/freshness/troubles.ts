import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  type RestartableServer,
  type ServerKind,
  type StoreKind,
  type StoreServer,
  storeAt,
} from '../support/store-servers.ts';

/** What happens to a store while pages are rendered, again and again. */
export interface Trouble<Server extends StoreServer = StoreServer> {
  readonly title: string;
  /** Tokens that must get lost by it. */
  readonly lost: number;
  /** Whether it happens to a small one only. */
  readonly isOfSmall?: true;
  readonly make: (server: Server) => Promise<void>;
}

const between = (least: number, most: number) => sleep(least + Math.random() * (most - least));

export const nothing: Trouble = { title: 'is left alone', lost: 0, make: () => sleep(100) };

const pause: Trouble = {
  title: 'is paused',
  lost: 0,
  make: async (server) => {
    await server.stop();
    // Some are longer than a page waits, some than a bump does.
    await between(50, 1_500);
    await server.continue();
    await between(300, 600);
  },
};

const clear: Trouble = {
  title: 'forgets everything',
  lost: 10,
  make: async (server) => {
    await server.clear();
    await between(100, 400);
  },
};

const restart: Trouble<RestartableServer> = {
  title: 'is killed and started again',
  lost: 10,
  make: async (server) => {
    await server.kill();
    await between(0, 100);
    await server.start();
    await between(500, 1_000);
  },
};

const flood: Trouble = {
  title: 'has too little memory',
  lost: 3,
  isOfSmall: true,
  // Values as large as tokens, so that tokens have to go.
  make: async (server) => {
    const store = storeAt(server);
    const filler = () => ({
      key: `filler:${randomBytes(9).toString('hex')}`,
      value: randomBytes(20 + Math.floor(Math.random() * 120)),
      ttl: 0,
    });
    for (let i = 0; i < 20; i++)
      await store.setMany('token', Array.from({ length: 1_000 }, filler), { timeout: 1_000 });
    await store.close();
    await sleep(100);
  },
};

/** What can happen to a store of any kind. */
export function troublesOf({ startSmall }: StoreKind): readonly Trouble[] {
  return [pause, clear, ...(startSmall ? [flood] : [])];
}

/** And to a server. */
export function troublesOfServer(kind: ServerKind): readonly Trouble<RestartableServer>[] {
  return [...troublesOf(kind), restart];
}
