/** What a {@link watched} object tells. */
export interface Told {
  /** Somebody asks for a member, or whether there is one. */
  member(name: string): void;
  /** Somebody asks for the names of all members. */
  all(): void;
  /** Whether a member is to be taken for absent. Default: none is. */
  isHidden?(name: string): boolean;
}

/**
 * Returns a proxy of an object that tells which members are asked for. Members that are set through the proxy belong to
 * whoever set them, and are not told of.
 */
export function watched<T extends object>(object: T, told: Told): T {
  const made = new Set<string | symbol>();
  const isHidden = (name: string | symbol) =>
    typeof name === 'string' && !made.has(name) && told.isHidden?.(name) === true;
  /** Tells of a member; returns whether it is shown. */
  const ask = (name: string | symbol): boolean => {
    if (isHidden(name)) return false;
    if (typeof name === 'string' && !made.has(name)) told.member(name);
    return true;
  };
  return new Proxy(object, {
    ...changes((name) => made.add(name)),
    get: (target, name, receiver) => (ask(name) ? Reflect.get(target, name, receiver) : undefined),
    has: (target, name) => ask(name) && Reflect.has(target, name),
    getOwnPropertyDescriptor: (target, name) =>
      ask(name) ? Reflect.getOwnPropertyDescriptor(target, name) : undefined,
    ownKeys(target) {
      told.all();
      return Reflect.ownKeys(target).filter((name) => !isHidden(name));
    },
  });
}

/**
 * Returns the traps of a proxy that changes its target and tells of it.
 *
 * @param changed called with each member that is set, defined or deleted
 */
export function changes<T extends object>(changed: (name: string | symbol) => void): ProxyHandler<T> {
  return {
    set(target, name, value) {
      changed(name);
      return Reflect.set(target, name, value);
    },
    defineProperty(target, name, descriptor) {
      changed(name);
      return Reflect.defineProperty(target, name, descriptor);
    },
    deleteProperty(target, name) {
      changed(name);
      return Reflect.deleteProperty(target, name);
    },
  };
}
