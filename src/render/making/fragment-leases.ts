import { Leases, type Taken } from '../../cache/shared/leases.ts';
import { addTo } from '../../util/lists.ts';
import type { BodyMaking } from '../body.ts';
import type { Use } from '../fragment-call.ts';
import type { Render } from '../render.ts';

/** How often a page asks for leases of one fragment, or view. Then it makes the entry, whatever others do. */
export const MAX_TRIES = 8;
/** How many answers about leases that others ask for a page waits for, for each fragment. Then it asks itself. */
const MAX_ANSWERS = 2;

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

  /**
   * Returns what tells whether somebody in this process will make a fragment, if that is being asked. A page waits for few such
   * answers: of many variants, one after the other may be asked for.
   */
  asking({ render, key }: Use): Promise<unknown> | undefined {
    const asking = this.#asking.size === 0 ? undefined : this.#asking.get(key.memoryKey);
    const before: readonly unknown[] = render.answers.get(key.memoryKey) ?? NONE;
    if (asking === undefined || before.includes(asking)) return asking;
    if (before.length >= MAX_ANSWERS) return undefined;
    addTo(render.answers, key.memoryKey, asking);
    return asking;
  }

  /**
   * Asks for a lease. Returns what the body has to wait for before it loads data.
   *
   * @param bodies the body and those around it
   */
  ask(use: Use, lease: string, bodies: readonly BodyMaking[]): Promise<unknown> {
    const { render, key } = use;
    const state = render.leases.get(key.memoryKey);
    // Once it is known what a variant reads, it has another lease.
    const tries = this.#leases.triesOf(lease, state?.lease === lease ? (state.tries ?? 0) : 0);
    // What could not be shown after all is waited for.
    const others = bodies.filter(({ memoryKey }) => render.leases.get(memoryKey)?.isElsewhere !== true);
    const waits = this.#ask(use, lease, { asked: state?.asked ?? 0, tries }, bodies, others);
    render.leases.set(key.memoryKey, { waits });
    return waits;
  }

  /** What a body has made cannot be kept: nobody is to wait until its page has ended. */
  refuse({ render, key }: Use): void {
    // While data is missing, a body may do what it does not do with them.
    const lease = render.isOpen ? undefined : render.leases.get(key.memoryKey)?.held;
    if (lease !== undefined && render.held.delete(lease)) void this.#leases.end([lease], 'free');
  }

  /** @param others bodies that may be shown as they were while another process makes this one */
  async #ask(
    { render, key }: Use,
    first: string,
    { asked, tries }: { readonly asked: number; readonly tries: number },
    bodies: readonly BodyMaking[],
    others: readonly BodyMaking[],
  ): Promise<void> {
    const { maker, leases } = render;
    const lease = Leases.again(first, tries);
    const taking = this.#take(lease, bodies);
    const taken = await render.reader.within<Taken | 'late'>(taking, 'late');
    // It may be given back already, before it is known whether it was taken.
    const hold = (answer: Taken): unknown => {
      if (answer === 'lost') return undefined;
      return render.isFinished ? this.#leases.end([lease], 'failed') : render.held.add(lease);
    };
    if (taken === 'late') void taking.then(hold);
    else hold(taken);
    if (render.isFinished) return;
    if (taken === 'unknown' || taken === 'late') render.hasAskedInVain = true;
    if (taken !== 'lost') for (const body of bodies) body.begin();
    // What was asked for together is answered together: whether this render has another lease is known in the next turn.
    else await undefined;
    const shown = taken === 'lost' ? others.filter((body) => body.hasMeanwhile()) : NONE;
    if (shown.length > 0) {
      void this.#leases.watch(lease);
      leases.delete(key.memoryKey);
      for (const { memoryKey } of shown) leases.set(memoryKey, { isElsewhere: true });
      return;
    }
    const left = this.#wait - maker.patience.waited;
    if (taken !== 'lost' || maker.isInLazy || maker.oldest !== Number.POSITIVE_INFINITY || left <= 0) {
      leases.set(key.memoryKey, taken === 'lost' ? {} : { held: lease });
      return;
    }
    maker.patience.begin();
    const waited = await this.#leases.wait(lease, left);
    maker.patience.end();
    lookAgain(render);
    // What is done may be another variant, or be over already. Then one of all makes it again.
    if (waited === 'free' || asked + 1 >= MAX_TRIES) leases.set(key.memoryKey, {});
    else leases.set(key.memoryKey, { asked: asked + 1, lease: first, tries: waited === 'gone' ? tries : tries + 1 });
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
