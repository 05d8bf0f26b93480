import type { BumpCause } from '../../reporting/cause.ts';
import { type CacheScope, causeKey } from '../key.ts';
import type { Sealer } from '../seal.ts';
import { isToken, type Token } from '../token.ts';
import type { SafeStore } from './safe-store.ts';

/** How long the store keeps what made a token, in seconds. */
const TTL = 60 * 60;
/** Time limit of a call, in milliseconds. No page waits for it. */
const TIMEOUT = 1_000;
/** Limit of causes that wait until others are written. Further ones are lost. */
const MAX_WAITING = 1_000;
/** Longest text of a cause that is read, in characters. Who else can write to the store may write more. */
const MAX_TEXT = 5_000;

/** What made tokens, in the store, so that other processes can say it. It protects nothing: if it is lost, it is unknown. */
export class SharedCauses {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #scope: CacheScope;
  #waiting = new Map<Token, BumpCause>();
  #writing: Promise<void> | undefined;

  constructor(store: SafeStore, sealer: Sealer, scope: CacheScope) {
    this.#store = store;
    this.#sealer = sealer;
    this.#scope = scope;
  }

  /** Writes causes in the background, all that come while others are written as one batch. */
  write(causes: ReadonlyMap<Token, BumpCause>): void {
    for (const [token, cause] of causes) {
      if (this.#waiting.size < MAX_WAITING) this.#waiting.set(token, cause);
    }
    this.#writing ??= this.#writeWaiting();
  }

  async #writeWaiting(): Promise<void> {
    // The tokens go first.
    await undefined;
    while (this.#waiting.size > 0) {
      const items = [...this.#waiting].map(([token, cause]) => {
        const key = causeKey(token, this.#scope);
        return { key, value: this.#sealer.seal('cause', key, JSON.stringify(cause)), ttl: TTL };
      });
      this.#waiting = new Map();
      await this.#store.setMany('entry', items, TIMEOUT);
    }
    this.#writing = undefined;
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  async read(tokens: readonly Token[]): Promise<ReadonlyMap<Token, BumpCause>> {
    const asked = tokens.filter(isToken);
    const keys = asked.map((token) => causeKey(token, this.#scope));
    const answers = await this.#store.getMany('entry', keys, TIMEOUT);
    const found = new Map<Token, BumpCause>();
    answers.forEach((answer, i) => {
      if (answer.state !== 'found') return;
      const text = this.#sealer.unseal('cause', keys[i] as string, answer.value);
      const cause = text === undefined || text.length > MAX_TEXT ? undefined : causeIn(text);
      if (cause !== undefined) found.set(asked[i] as Token, cause);
    });
    return found;
  }
}

/** Another version of this package may have written another form. */
function causeIn(text: string): BumpCause | undefined {
  try {
    const { by, at, request, time, process } = JSON.parse(text) as BumpCause;
    const isText = [by, process].every((part) => typeof part === 'string');
    const isOptional = [at, request].every((part) => part === undefined || typeof part === 'string');
    return isText && isOptional && Number.isFinite(time) ? { by, at, request, time, process } : undefined;
  } catch {
    return undefined;
  }
}
