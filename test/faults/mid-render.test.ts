import { setTimeout as sleep } from 'node:timers/promises';
import type { Added, Kind, Lookup, Store, StoreCall, StoreItem } from 'nunjucks-cachesweeper';
import { beforeAll, describe, expect, test } from 'vitest';
import { isDeep } from '../support/long.ts';
import { everyday, type RestartableServer, serverKinds, storeAt } from '../support/store-servers.ts';
import { Site } from './site.ts';

/** Something happens at a chosen moment: before or after a call of the store. */
class ChosenMoment implements Store {
  readonly #store: Store;
  #left = 0;
  #event: (() => Promise<void>) | undefined;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Whether it has happened. */
  get hasHappened(): boolean {
    return this.#event === undefined;
  }

  /** @param moment 0 before the next call, 1 after it, 2 before the one after that… */
  plan(moment: number, event: () => Promise<void>): void {
    this.#left = moment;
    this.#event = event;
  }

  getMany(kind: Kind, keys: readonly string[], call: StoreCall): Promise<readonly Lookup[]> {
    return this.#around(() => this.#store.getMany(kind, keys, call));
  }

  setMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly boolean[]> {
    return this.#around(() => this.#store.setMany(kind, items, call));
  }

  addMany(kind: Kind, items: readonly StoreItem[], call: StoreCall): Promise<readonly Added[]> {
    return this.#around(() => this.#store.addMany(kind, items, call));
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  async #around<T>(call: () => Promise<T>): Promise<T> {
    await this.#moment();
    const answer = await call();
    await this.#moment();
    return answer;
  }

  async #moment(): Promise<void> {
    const event = this.#event;
    if (event === undefined || this.#left-- > 0) return;
    this.#event = undefined;
    await event();
  }
}

const losses = {
  'forgets everything': (server: RestartableServer) => server.clear(),
  'is restarted': async (server: RestartableServer) => {
    await server.kill();
    await server.start();
  },
};
const cases = everyday(serverKinds).flatMap((kind) =>
  Object.entries(losses).map(([title, lose]) => ({ title: `${kind.name} ${title}`, kind, lose })),
);
describe.each(cases)('in the middle of a render $title', ({ kind, lose }) => {
  let server: RestartableServer;
  beforeAll(async () => {
    server = await kind.start();
  });

  describe.each(['cold', 'cached', 'invalidated'] as const)('and the page is %s', (state) => {
    // Every day with both, which is the harder.
    test.each([
      ...(isDeep ? [['and nothing else', false] as const] : []),
      ['and a row is saved, its bump acknowledged before that', true] as const,
    ])('%s: at no moment is anything old served then or later', { timeout: 120_000 }, async (_also, withSave) => {
      let reached = 0;
      // Up to the first moment that the render does not have any more.
      for (let moment = 0; moment === reached; moment++) {
        await server.clear();
        const stores = [0, 1].map(() => new ChosenMoment(storeAt(server)));
        const site = new Site((process) => stores[process] as Store, { articles: 1, comments: 2 });
        const [article] = site.articles;
        const [, process] = site.processes;
        const [, chosen] = stores;
        if (state !== 'cold') await site.allPages();
        await site.idle();
        if (state === 'invalidated') await site.save(process!, article!.comments[0]!);
        chosen!.plan(moment, async () => {
          if (withSave) await site.save(site.processes[0]!, article!.comments[1]!);
          await lose(server);
        });
        await site.page(process!, article!);
        await site.idle();
        if (chosen!.hasHappened) reached++;
        chosen!.plan(0, async () => {});

        // From now on as ever: all of it comes from the cache, in both processes.
        for (let tries = 0; site.measures.hitRatioOf(2) < 1; tries++) {
          if (tries === 100) throw new Error(`moment ${moment}: no hits any more`);
          if (tries > 3) await sleep(20);
          site.measures.forgetHits();
          await site.allPages();
          await site.idle();
        }
        expect(site.faults).toEqual([]);
        await site.close();
      }
      // Tokens and entries, of the page and what is in it, before and after.
      expect(reached).toBeGreaterThanOrEqual(4);
    });
  });
});
