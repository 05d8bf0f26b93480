import { Leases, type Taken } from '../../cache/shared/leases.ts';
import type { BodyMaking } from '../body.ts';
import type { Use } from '../fragment-call.ts';
import type { Render } from '../render.ts';

/** After so many makers that failed, one after the other, everybody makes the entry. */
export const MAX_FAILURES = 3;

/**
 * Asks for the lease of a fragment before its body loads data, so that of several processes one does.
 *
 * A page that makes something for others in its process waits for no other process, and neither does what a lazy of it renders. So
 * those who are waited for never wait for a lease, and waiting ends nowhere in a circle.
 */
export class FragmentLeases {
  readonly #leases: Leases;
  readonly #wait: number;
  /** Leases that are being asked for, by the memory keys of the bodies that wait for the answer. */
  readonly #asking = new Map<string, Promise<unknown>>();

  /** @param wait longest time that a page waits for others, in milliseconds */
  constructor(leases: Leases, wait: number) {
    this.#leases = leases;
    this.#wait = wait;
  }

  /** Returns what tells whether somebody in this process will make a fragment, if that is being asked. */
  asking(memoryKey: string): Promise<unknown> | undefined {
    return this.#asking.size === 0 ? undefined : this.#asking.get(memoryKey);
  }

  /**
   * Returns what a body has to wait for before it loads data; undefined when it may load.
   *
   * @param bodies the body and those around it
   */
  gate(use: Use, lease: string, bodies: readonly BodyMaking[]): Promise<unknown> | undefined {
    const { render, key } = use;
    const state = render.leases.get(key.memoryKey);
    if (state?.waits !== undefined) return state.waits;
    const failures = state?.failures ?? 0;
    const isLost = state?.isElsewhere === true;
    if (state !== undefined && !isLost && failures === 0 && (state.only ?? lease) === lease) return undefined;
    // What could not be shown after all is waited for.
    const others = bodies.filter(({ memoryKey }) => render.leases.get(memoryKey)?.isElsewhere !== true);
    const waits = this.#ask(use, lease, failures, bodies, others);
    render.leases.set(key.memoryKey, { waits });
    return waits;
  }

  /** @param others bodies that may be shown as they were while another process makes this one */
  async #ask(
    { render, key }: Use,
    first: string,
    failures: number,
    bodies: readonly BodyMaking[],
    others: readonly BodyMaking[],
  ): Promise<void> {
    const { maker, leases } = render;
    const lease = Leases.again(first, failures);
    const taken = await this.#take(lease, bodies);
    if (render.isFinished) return taken === 'held' ? this.#leases.end([lease], 'free') : undefined;
    if (taken === 'held') render.held.add(lease);
    if (taken !== 'lost') for (const body of bodies) body.begin();
    // What was asked for together is answered together: whether this render has another lease is known in the next turn.
    else await undefined;
    const shown = taken === 'lost' ? others.filter((body) => body.hasMeanwhile()) : NONE;
    if (shown.length > 0) {
      leases.delete(key.memoryKey);
      for (const { memoryKey } of shown) leases.set(memoryKey, { isElsewhere: true });
      return;
    }
    const left = this.#wait - maker.patience.waited;
    if (taken !== 'lost' || maker.isInLazy || maker.oldest !== Number.POSITIVE_INFINITY || left <= 0) {
      leases.set(key.memoryKey, {});
      return;
    }
    maker.patience.begin();
    const waited = await this.#leases.wait(lease, left);
    maker.patience.end();
    lookAgain(render);
    // If it is done and cannot be used here, there is nothing to wait for; another variant has another lease.
    if (waited === 'gone') leases.delete(key.memoryKey);
    else if (waited === 'failed' && failures < MAX_FAILURES) leases.set(key.memoryKey, { failures: failures + 1 });
    else leases.set(key.memoryKey, waited === 'done' ? { only: first } : {});
  }

  async #take(lease: string, bodies: readonly BodyMaking[]): Promise<Taken> {
    const taking = this.#leases.take(lease);
    // Others need not wait for an answer that is known.
    if (this.#leases.isTaken(lease)) return taking;
    for (const { memoryKey } of bodies) this.#asking.set(memoryKey, taking);
    const taken = await taking;
    for (const { memoryKey } of bodies) if (this.#asking.get(memoryKey) === taking) this.#asking.delete(memoryKey);
    return taken;
  }
}

const NONE: readonly never[] = [];

/** Asks the store again for all entries that it has not had, or that were invalid. Tokens stay. */
function lookAgain({ reader, found }: Render): void {
  const served = new Set<string>();
  for (const entries of found.values()) for (const { stored } of entries) if (stored) served.add(stored.key);
  reader.forgetEntries(served);
}
