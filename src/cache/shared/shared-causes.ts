import type { BumpCause } from '../../reporting/cause.ts';
import type { Background } from '../../util/background.ts';
import { type CacheScope, causeKey } from '../key.ts';
import type { Sealer } from '../seal.ts';
import { isToken, type Token } from '../token.ts';
import type { SafeStore } from './safe-store.ts';

/** How long the store keeps what made a token, in seconds. */
const TTL = 60 * 60;
/** Time limit of a call, in milliseconds. No page waits for it. */
const TIMEOUT = 1_000;

/** What made tokens, in the store, so that other processes can say it. It protects nothing: if it is lost, it is unknown. */
export class SharedCauses {
  readonly #store: SafeStore;
  readonly #sealer: Sealer;
  readonly #scope: CacheScope;
  readonly #background: Background;

  constructor(store: SafeStore, sealer: Sealer, scope: CacheScope, background: Background) {
    this.#store = store;
    this.#sealer = sealer;
    this.#scope = scope;
    this.#background = background;
  }

  write(causes: ReadonlyMap<Token, BumpCause>): void {
    const items = [...causes].map(([token, cause]) => {
      const key = causeKey(token, this.#scope);
      return { key, value: this.#sealer.seal('cause', key, JSON.stringify(cause)), ttl: TTL };
    });
    if (items.length > 0) this.#background.start(() => this.#store.setMany('entry', items, TIMEOUT));
  }

  async read(tokens: readonly Token[]): Promise<ReadonlyMap<Token, BumpCause>> {
    const asked = tokens.filter(isToken);
    const keys = asked.map((token) => causeKey(token, this.#scope));
    const answers = await this.#store.getMany('entry', keys, TIMEOUT);
    const found = new Map<Token, BumpCause>();
    answers.forEach((answer, i) => {
      if (answer.state !== 'found') return;
      const text = this.#sealer.unseal('cause', keys[i] as string, answer.value);
      const cause = text === undefined ? undefined : causeIn(text);
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
    return isText && isOptional && typeof time === 'number' ? { by, at, request, time, process } : undefined;
  } catch {
    return undefined;
  }
}
