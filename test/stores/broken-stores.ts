import { type Kind, type Lookup, type Store, type StoreItem, TestingStore } from 'nunjucks-cachesweeper/testing';

/** Makes the clients of one broken server, whose time can be passed. */
export type BrokenServer = () => { create(): Store; pass(seconds: number): void };

type Change = (store: Store, server: Server) => Partial<Store>;

interface Server {
  /** The same data, untouched. */
  readonly data: TestingStore;
  /** Anything the clients have in common. */
  readonly notes: Map<string, StoreItem>;
}

function broken(change: Change): BrokenServer {
  return () => {
    let time = 1_800_000_000_000;
    const now = () => time;
    const data = new TestingStore({ now });
    const server: Server = { data, notes: new Map() };
    return {
      create() {
        const store = new TestingStore({ now, shared: data });
        const whole: Store = {
          getMany: store.getMany.bind(store),
          setMany: store.setMany.bind(store),
          addMany: store.addMany.bind(store),
          close: store.close.bind(store),
        };
        return { ...whole, ...change(whole, server) };
      },
      pass: (seconds) => {
        time += seconds * 1_000;
      },
    };
  };
}

const map = (lookups: readonly Lookup[], change: (value: Uint8Array) => Lookup): Lookup[] =>
  lookups.map((lookup) => (lookup.state === 'found' ? change(lookup.value) : lookup));

/** Stores of which each breaks the contract in one way. */
export const brokenStores: Readonly<Record<string, BrokenServer>> = {
  'answers in reverse order': broken((store) => ({
    getMany: async (...call) => [...(await store.getMany(...call))].reverse(),
  })),
  'answers a key twice in a batch once': broken((store) => ({
    getMany: async (kind, keys, call) => store.getMany(kind, [...new Set(keys)], call),
  })),
  'mixes tokens and entries up': broken((store) => ({
    getMany: (_kind, keys, call) => store.getMany('entry', keys, call),
    setMany: (_kind, items, call) => store.setMany('entry', items, call),
    addMany: (_kind, items, call) => store.addMany('entry', items, call),
  })),
  'keeps the first value that was set': broken((store) => ({
    setMany: async (kind, items, call) => (await store.addMany(kind, items, call)).map(() => true),
  })),
  'reads an old value from a replica': broken((store, { notes }) => ({
    setMany: async (kind, items, call) => {
      for (const item of items) {
        const [before] = await store.getMany(kind, [item.key], call);
        if (before?.state === 'found') notes.set(item.key, { ...item, value: before.value });
      }
      return store.setMany(kind, items, call);
    },
    getMany: async (kind, keys, call) =>
      (await store.getMany(kind, keys, call)).map((lookup, i): Lookup => {
        const old = notes.get(keys[i] as string);
        return old === undefined ? lookup : { state: 'found', value: old.value };
      }),
  })),
  'says missing when it does not know': broken((store) => ({
    getMany: async (...call) =>
      (await store.getMany(...call)).map(
        (lookup): Lookup => (lookup.state === 'unknown' ? { state: 'missing' } : lookup),
      ),
  })),
  'says that everything was set': broken((store) => ({
    setMany: async (...call) => (await store.setMany(...call)).map(() => true),
  })),
  'keeps each value in the client that set it': broken(() => {
    const own = new TestingStore();
    return {
      getMany: own.getMany.bind(own),
      setMany: own.setMany.bind(own),
      addMany: own.addMany.bind(own),
      close: own.close.bind(own),
    };
  }),
  'adds over what is there': broken((store) => ({
    addMany: async (kind, items, call) => {
      const there = await store.getMany(
        kind,
        items.map(({ key }) => key),
        call,
      );
      await store.setMany(kind, items, call);
      return there.map(({ state }) => (state === 'found' ? 'exists' : state === 'missing' ? 'added' : 'unknown'));
    },
  })),
  'tells every client that it added': broken((store) => ({
    addMany: async (...call) =>
      (await store.addMany(...call)).map((answer) => (answer === 'exists' ? 'added' : answer)),
  })),
  'looks first and adds then': broken((store) => ({
    addMany: async (kind, items, call) => {
      const keys = items.map(({ key }) => key);
      const there = await store.getMany(kind, keys, call);
      await store.setMany(
        kind,
        items.filter((_, i) => there[i]?.state === 'missing'),
        call,
      );
      return there.map(({ state }) => (state === 'found' ? 'exists' : state === 'missing' ? 'added' : 'unknown'));
    },
  })),
  'cuts long values': broken((store) => ({
    setMany: (kind, items, call) =>
      store.setMany(
        kind,
        items.map((item) => ({ ...item, value: item.value.slice(0, 65_535) })),
        call,
      ),
  })),
  'takes an empty value for none': broken((store) => ({
    getMany: async (...call) =>
      map(await store.getMany(...call), (value) =>
        value.length === 0 ? { state: 'missing' } : { state: 'found', value },
      ),
  })),
  'takes values for text': broken((store) => ({
    setMany: (kind, items, call) =>
      store.setMany(
        kind,
        items.map((item) => ({ ...item, value: Buffer.from(Buffer.from(item.value).toString('utf8')) })),
        call,
      ),
  })),
  'does not tell large letters of keys from small ones': broken((store) => ({
    getMany: (kind, keys, call) => store.getMany(kind, keys.map(lower), call),
    setMany: (kind, items, call) => store.setMany(kind, items.map(lowered), call),
    addMany: (kind, items, call) => store.addMany(kind, items.map(lowered), call),
  })),
  'cuts keys at 200 characters': broken((store) => ({
    getMany: (kind, keys, call) =>
      store.getMany(
        kind,
        keys.map((key) => key.slice(0, 200)),
        call,
      ),
    setMany: (kind, items, call) =>
      store.setMany(
        kind,
        items.map((item) => ({ ...item, key: item.key.slice(0, 200) })),
        call,
      ),
  })),
  'hands out the value it was given': broken((store, { notes }) => ({
    setMany: async (kind, items, call) => {
      for (const item of items) notes.set(`${kind} ${item.key}`, item);
      return store.setMany(kind, items, call);
    },
    getMany: async (kind: Kind, keys, call) =>
      (await store.getMany(kind, keys, call)).map((lookup, i): Lookup => {
        const kept = notes.get(`${kind} ${keys[i]}`);
        return kept !== undefined && lookup.state === 'found' ? { state: 'found', value: kept.value } : lookup;
      }),
  })),
  'never forgets': broken((store) => ({
    setMany: (kind, items, call) =>
      store.setMany(
        kind,
        items.map((item) => ({ ...item, ttl: 0 })),
        call,
      ),
  })),
  'forgets too early': broken((store) => ({
    setMany: (kind, items, call) =>
      store.setMany(
        kind,
        items.map((item) => ({ ...item, ttl: Math.floor(item.ttl / 2) })),
        call,
      ),
  })),
  'takes a ttl of over 30 days for a date': broken((store, { data }) => ({
    setMany: async (kind, items, call) => {
      const answers = await store.setMany(kind, items, call);
      const gone = new Set(items.flatMap(({ key, ttl }) => (ttl > 2_592_000 ? [key] : [])));
      data.evict(kind, (key) => gone.has(key));
      return answers;
    },
  })),
  'rejects an empty batch': broken((store) => ({
    getMany: (kind, keys, call) =>
      keys.length === 0 ? Promise.reject(new Error('nothing asked')) : store.getMany(kind, keys, call),
  })),
  'rejects after close': broken((store) => {
    let closed = false;
    return {
      close: async () => {
        closed = true;
      },
      getMany: (...call) => (closed ? Promise.reject(new Error('closed')) : store.getMany(...call)),
    };
  }),
  'goes on after close': broken(() => ({ close: async () => {} })),
  'cannot be closed twice': broken((store) => {
    let closed = false;
    return {
      close: () => {
        if (closed) return Promise.reject(new Error('closed already'));
        closed = true;
        return store.close();
      },
    };
  }),
  'mixes up calls at one time': broken((store) => {
    let last: Promise<readonly Lookup[]> | undefined;
    return {
      getMany: (kind, keys, call) => {
        const before = last;
        last = store.getMany(kind, keys, call);
        const own = last;
        setImmediate(() => {
          last = undefined;
        });
        return before !== undefined && keys.length > 1 ? before : own;
      },
    };
  }),
  'answers found without a value': broken((store) => ({
    getMany: async (...call) =>
      map(await store.getMany(...call), () => ({ state: 'found', value: undefined as unknown as Uint8Array })),
  })),
};

function lower(key: string): string {
  return key.toLowerCase();
}

function lowered(item: StoreItem): StoreItem {
  return { ...item, key: lower(item.key) };
}
