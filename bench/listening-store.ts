import type { Store } from 'nunjucks-cachesweeper';
import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { HOST } from './memcached.ts';

export interface Listening {
  readonly store: Store;
  /** Keys in the store that were asked for while it was recorded. */
  readonly asked: { readonly token: string[]; readonly entry: string[] };
  record(run: () => Promise<unknown>): Promise<void>;
}

/** A store that tells which keys it was asked for: one on the Memcached of this port, or another. */
export function listeningStore(port: number, client: Store = new MemcachedStore(`${HOST}:${port}`)): Listening {
  const asked = { token: [] as string[], entry: [] as string[] };
  let isRecording = false;
  const store: Store = {
    getMany: (kind, keys, call) => {
      if (isRecording) asked[kind].push(...keys.map((key) => `${kind[0]}:${key}`));
      return client.getMany(kind, keys, call);
    },
    setMany: (kind, items, call) => client.setMany(kind, items, call),
    addMany: (kind, items, call) => client.addMany(kind, items, call),
    close: () => client.close(),
  };
  const record = async (run: () => Promise<unknown>): Promise<void> => {
    isRecording = true;
    await run();
    isRecording = false;
  };
  return { store, asked, record };
}
