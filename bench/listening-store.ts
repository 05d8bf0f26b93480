import type { Kind, Store } from 'nunjucks-cachesweeper';

export interface Listening {
  readonly store: Store;
  /** Keys on the server that were asked for while it was recorded. */
  readonly asked: { readonly token: string[]; readonly entry: string[] };
  record(run: () => Promise<unknown>): Promise<void>;
}

/** What stands in front of keys on the server. */
export type Prefixes = Readonly<Record<Kind, string>>;

/** A store that tells which keys it was asked for. */
export function listeningStore(client: Store, prefixes: Prefixes): Listening {
  const asked = { token: [] as string[], entry: [] as string[] };
  let isRecording = false;
  const store: Store = {
    getMany: (kind, keys, call) => {
      if (isRecording) asked[kind].push(...keys.map((key) => prefixes[kind] + key));
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
