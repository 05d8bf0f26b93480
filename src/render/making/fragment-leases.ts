import type { Leases } from '../../cache/shared/leases.ts';
import type { Use } from '../fragment-call.ts';
import type { Render } from '../render.ts';

/** What a render does about a lease: it makes the entry, or waits for what the promise tells. */
export type LeaseState = 'make' | Promise<unknown>;

/**
 * Asks for the lease of a fragment before its body loads data, so that of several processes one does.
 *
 * A page that makes something for others in its process waits for no other process, and neither does what a lazy of it renders. So
 * those who are waited for never wait for a lease, and waiting ends nowhere in a circle.
 */
export class FragmentLeases {
  readonly #leases: Leases;
  readonly #wait: number;
  readonly #begin: (use: Use) => void;

  /**
   * @param wait longest time that a page waits for others, in milliseconds
   * @param begin called when a render has the lease: others in this process wait for it from now on
   */
  constructor(leases: Leases, wait: number, begin: (use: Use) => void) {
    this.#leases = leases;
    this.#wait = wait;
    this.#begin = begin;
  }

  /** Returns what a body has to wait for before it loads data; undefined when it may load. */
  gate(use: Use, key: string): Promise<unknown> | undefined {
    const { leases } = use.render;
    const known = leases.get(key);
    if (known !== undefined) return known === 'make' ? undefined : known;
    const asking = this.#ask(use, key);
    leases.set(key, asking);
    return asking;
  }

  async #ask(use: Use, key: string): Promise<void> {
    const { render } = use;
    const { maker, leases } = render;
    const taken = await this.#leases.take(key);
    if (render.isFinished) return taken === 'held' ? this.#leases.end([key], 'free') : undefined;
    if (taken === 'held') {
      render.held.add(key);
      this.#begin(use);
    }
    // What was asked for together is answered together: whether this render has another lease is known in the next turn.
    else if (taken === 'lost') await undefined;
    const left = this.#wait - maker.patience.waited;
    if (taken !== 'lost' || maker.isInLazy || maker.oldest !== Number.POSITIVE_INFINITY || left <= 0) {
      leases.set(key, 'make');
      return;
    }
    maker.patience.begin();
    const waited = await this.#leases.wait(key, left);
    maker.patience.end();
    lookAgain(render);
    // If it is done and cannot be used here, there is nothing to wait for.
    if (waited === 'gone') leases.delete(key);
    else leases.set(key, 'make');
  }
}

/** Asks the store again for all entries that it has not had, or that were invalid. Tokens stay. */
function lookAgain({ reader, found }: Render): void {
  const served = new Set<string>();
  for (const entries of found.values()) for (const { stored } of entries) if (stored) served.add(stored.key);
  reader.forgetEntries(served);
}
