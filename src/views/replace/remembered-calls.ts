/** A property that may hold a function which middleware left. */
export interface Place {
  readonly object: object;
  readonly name: string;
}

/** Calls without arguments, by the function that was called. */
export interface RememberedCalls {
  readonly results: ReadonlyMap<unknown, unknown>;
  /** Puts everything back. */
  undo(): void;
}

/** Remembers what functions at some places return when they are called without arguments. */
export function rememberCalls(places: readonly Place[]): RememberedCalls {
  const results = new Map<unknown, unknown>();
  const undo = places.map((place) => remember(place, results));
  return {
    results,
    undo() {
      for (const one of undo) one();
    },
  };
}

function remember({ object, name }: Place, results: Map<unknown, unknown>): () => void {
  const own = Object.getOwnPropertyDescriptor(object, name);
  // What a getter makes anew cannot be told from what it made before.
  if (own === undefined ? !Object.isExtensible(object) : !own.configurable || own.get !== undefined) return () => {};
  const original: unknown = Reflect.get(object, name);
  if (typeof original !== 'function') return () => {};
  const value: unknown = new Proxy(original as () => unknown, {
    apply(target, self, args: []): unknown {
      const result = Reflect.apply(target, self, args);
      if (args.length === 0) results.set(original, result);
      return result;
    },
  });
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: own?.enumerable ?? true,
    writable: true,
    value,
  });
  return () => {
    if (Object.getOwnPropertyDescriptor(object, name)?.value !== value) return;
    if (own === undefined) Reflect.deleteProperty(object, name);
    else Object.defineProperty(object, name, own);
  };
}
