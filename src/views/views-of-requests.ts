import type { Identity } from '../model/identity.ts';
import type { ViewSettings } from './options.ts';
import type { ViewRun } from './view-run.ts';

/** Settings of the `cacheView` that a request passed first. */
const settingsOfRequests = new WeakMap<object, ViewSettings>();
/** Views being made, by the request they are for. */
const runs = new WeakMap<object, ViewRun>();

export function settingsOf(incoming: object): ViewSettings | undefined {
  return settingsOfRequests.get(incoming);
}

/** Returns the view that is being made for a request, if there is one. */
export function runOf(incoming: object): ViewRun | undefined {
  return runs.get(incoming);
}

/** Notes that a request passes a `cacheView`. */
export function passes(incoming: object, settings: ViewSettings): void {
  settingsOfRequests.set(incoming, settings);
}

/** Notes that a view is made for a request. */
export function makes(incoming: object, run: ViewRun): void {
  runs.set(incoming, run);
}

/**
 * Adds models to the dependencies of a request's view. Without a view, only checks the models.
 *
 * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT
 */
export async function dependOn(incoming: object, models: unknown): Promise<void> {
  const views = settingsOf(incoming)?.views;
  if (views === undefined) return;
  const run = runOf(incoming);
  let identities: Identity[];
  try {
    identities = views.identities(models);
  } catch (error) {
    // The handler may catch the error and answer anyway. The view's dependencies would be incomplete, so do not store
    // it.
    run?.refuse('error');
    throw error;
  }
  await run?.depend(identities);
}
