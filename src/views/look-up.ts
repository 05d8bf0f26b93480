import type { Body } from '../render/body.ts';
import type { Maker } from '../render/making/maker.ts';
import type { StoredView } from './http/sound-view.ts';
import type { ReadReason } from './reads/value-text.ts';
import { type KeptViews, ViewMaking } from './view-making.ts';
import type { Shown } from './view-makings.ts';
import { ViewSlot, type WantedView } from './view-slot.ts';
import type { Views } from './views.ts';

/** What came of looking for a view. */
interface LookedUp {
  readonly slot: ViewSlot;
  /** The view; or why the request goes past the cache; undefined if the request is to make the view. */
  readonly view: StoredView | ReadReason | undefined;
  /** What the slot has given for the dependencies that the view has in any case, if it was asked. */
  readonly own: Body | undefined;
  /** Set where others may wait for what this request makes. */
  readonly making: ViewMaking | undefined;
}

const NOTHING_KEPT: KeptViews = new Map();

/**
 * Looks for a view: in this process, then in the store; and again when another request, or another process, has made it.
 *
 * @param maker the request
 * @param mayFill whether its answer may be kept for others
 */
export async function lookUp(views: Views, wanted: WantedView, maker: Maker, mayFill: boolean): Promise<LookedUp> {
  let slot = new ViewSlot(views.engine, wanted);
  let making: ViewMaking | undefined;
  let leases = 0;
  let isHanded = false;
  for (let tries = 0; ; tries++) {
    const here = slot.findHere();
    const known = here instanceof Promise ? await here : here;
    if (isHanded && known !== undefined) views.makings.coalesced();
    if (known !== undefined) return found(slot, known, undefined, making);
    const own = await slot.open();
    if (own.uncached !== undefined) return { slot, view: undefined, own, making };
    const view = await slot.find();
    if (view !== undefined) return found(slot, view, own, making);
    if (!mayFill) return { slot, view, own, making };
    let made: Shown<StoredView> | undefined;
    if (making === undefined) {
      const entered = views.makings.enter(slot, maker, tries);
      const joined = entered instanceof Promise ? await entered : entered;
      if (joined instanceof ViewMaking) making = joined;
      else made = joined;
    }
    if (making !== undefined) {
      const next = await views.makings.lease(slot, making, leases++);
      if (next === 'make') return { slot, view, own, making };
      if (next !== 'look') made = next;
    }
    if (made !== undefined && 'meanwhile' in made) return found(slot, made.meanwhile, own, making);
    isHanded = made !== undefined && made.size > 0;
    slot = new ViewSlot(views.engine, wanted, made);
  }
}

function found(
  slot: ViewSlot,
  view: StoredView | ReadReason,
  own: Body | undefined,
  making: ViewMaking | undefined,
): LookedUp {
  // Another process has made it.
  making?.kept(NOTHING_KEPT);
  return { slot, view, own, making };
}
