import type { Added, Kind, Lookup, Store, StoreItem } from 'nunjucks-cachesweeper';
import type { Steps, Touches, Way } from './steps.ts';

/** The server that the stores of all processes talk to. */
export class Server {
  readonly values: Map<string, { readonly value: Uint8Array; readonly expires: number }> = new Map();

  forgetEntries(): void {
    for (const key of this.values.keys()) if (key.startsWith('entry ')) this.values.delete(key);
  }

  forgetTokens(names?: readonly string[]): void {
    for (const key of this.values.keys()) {
      if (key.startsWith('token ') && (names === undefined || names.some((name) => key === tokenKey(name)))) {
        this.values.delete(key);
      }
    }
  }
}

/** What a schedule is about: replaced for each, while the processes stay. */
export interface Stage {
  readonly steps: Steps;
  readonly server: Server;
  readonly time: () => number;
  /** The time on the clock of a process. */
  readonly clockOf: (process: string) => number;
  readonly faults: boolean;
  /** What is carried out late is deleted at once, as MemcachedStore does. */
  readonly takesBack: boolean;
  /** Tokens that were made at some time, on the clock of their maker, were written. */
  readonly wrote: (names: readonly string[], madeAt: number) => void;
  /** Tokens were read. */
  readonly readTokens: () => void;
  /** Tokens were asked for, and nobody answered. */
  readonly askedInVain: () => void;
  /** Something was said about leases. */
  readonly toldOfLeases: () => void;
  /** Calls and what became of them. */
  readonly counts: Map<string, number>;
}

/** Where tokens are kept, for a sweeper without a namespace. */
const TOKENS = ':1:';

export function tokenKey(name: string): string {
  return `token ${TOKENS}${name}`;
}

/** A store each of whose calls is a step: carried out when the scheduler says so, or lost. */
export class GatedStore implements Store {
  readonly #process: string;
  readonly #stage: () => Stage;

  constructor(process: string, stage: () => Stage) {
    this.#process = process;
    this.#stage = stage;
  }

  getMany(kind: Kind, keys: readonly string[]): Promise<readonly Lookup[]> {
    const touches = { process: this.#process, reads: keys.map((key) => `${kind} ${key}`) };
    const label = areLeases(keys) ? 'look at leases' : `read ${kind}`;
    return this.#call<Lookup>(label, touches, ['unknown', 'slow'], keys, { state: 'unknown' }, (key) => {
      const value = this.#read(kind, key);
      return value === undefined ? { state: 'missing' } : { state: 'found', value };
    });
  }

  setMany(kind: Kind, items: readonly StoreItem[]): Promise<readonly boolean[]> {
    const isBump = kind === 'token';
    const writes = items.map(({ key }) => `${kind} ${key}`);
    const touches = { process: this.#process, writes: isBump ? [...writes, 'bumps'] : writes };
    const label = isBump ? 'bump' : areLeases(keysOf(items)) ? 'tell of leases' : 'store';
    return this.#call<boolean>(label, touches, ['unknown', 'lost', 'late'], keysOf(items), false, (_key, i) => {
      this.#write(kind, items[i] as StoreItem);
      return true;
    });
  }

  addMany(kind: Kind, items: readonly StoreItem[]): Promise<readonly Added[]> {
    const touches = { process: this.#process, writes: items.map(({ key }) => `${kind} ${key}`) };
    return this.#call<Added>(
      areLeases(keysOf(items)) ? 'take leases' : `add ${kind}`,
      touches,
      ['unknown', 'lost', 'late'],
      keysOf(items),
      'unknown',
      (key, i) => {
        if (this.#read(kind, key) !== undefined) return 'exists';
        this.#write(kind, items[i] as StoreItem);
        return 'added';
      },
    );
  }

  async close(): Promise<void> {}

  async #call<T>(
    label: string,
    touches: Touches,
    faults: readonly Way[],
    keys: readonly string[],
    unknown: T,
    each: (key: string, index: number) => T,
  ): Promise<readonly T[]> {
    const stage = this.#stage();
    const calledAt = stage.clockOf(this.#process);
    const carryOut = () => {
      const answers = keys.map(each);
      const isToken = touches.writes?.[0]?.startsWith('token ') ?? touches.reads?.[0]?.startsWith('token ');
      if (isToken && touches.writes === undefined) stage.readTokens();
      else if (isToken)
        stage.wrote(
          keys.map((key) => key.slice(TOKENS.length)),
          calledAt,
        );
      return answers;
    };
    const way = await stage.steps.turn(label, touches, stage.faults ? ['done', ...faults] : ['done']);
    const count = (what: string) => stage.counts.set(what, (stage.counts.get(what) ?? 0) + 1);
    count(`${label} ${way}`);
    if (way === 'unknown') {
      if (label === 'read token') stage.askedInVain();
      return keys.map(() => unknown);
    }
    if (way === 'late') {
      void stage.steps.turn(`${label} at last`, touches).then(() => {
        carryOut();
        if (stage.takesBack) for (const name of touches.writes ?? []) stage.server.values.delete(name);
      });
      return keys.map(() => unknown);
    }
    const answers = carryOut();
    if (label === 'take leases' || label === 'tell of leases') stage.toldOfLeases();
    if (way === 'slow') await stage.steps.turn(`${label} is answered`, { process: this.#process });
    if (answers.includes('exists' as T)) count(`${label} exists`);
    return way === 'lost' ? keys.map(() => unknown) : answers;
  }

  #read(kind: Kind, key: string): Uint8Array | undefined {
    const { server, time } = this.#stage();
    const kept = server.values.get(`${kind} ${key}`);
    return kept !== undefined && kept.expires > time() ? Uint8Array.from(kept.value) : undefined;
  }

  #write(kind: Kind, { key, value, ttl }: StoreItem): void {
    const { server, time } = this.#stage();
    const expires = ttl === 0 ? Number.POSITIVE_INFINITY : time() + ttl * 1_000;
    server.values.set(`${kind} ${key}`, { value: Uint8Array.from(value), expires });
  }
}

function areLeases(keys: readonly string[]): boolean {
  return keys.some((key) => key.includes(':lease:'));
}

function keysOf(items: readonly StoreItem[]): string[] {
  return items.map(({ key }) => key);
}
