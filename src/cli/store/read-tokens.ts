import { Sealer } from '../../cache/seal.ts';
import { KnownNames } from '../../cache/shared/known-names.ts';
import { SafeStore } from '../../cache/shared/safe-store.ts';
import { SharedCauses } from '../../cache/shared/shared-causes.ts';
import { tokenTime } from '../../cache/token.ts';
import type { BumpCause } from '../../reporting/cause.ts';
import type { SiteStore, StoreErrors } from './open-store.ts';

/** Milliseconds for reading tokens. A person waits for it, who may be far from the store. */
const TIMEOUT = 3_000;

/**
 * The token of a name. `missing`: the store has none, so nothing that depends on the name can be in use. `damaged`: it was sealed with
 * another secret, or is none.
 */
export type TokenRead =
  | {
      readonly name: string;
      readonly state: 'found';
      readonly token: string;
      readonly since: Date;
      /** What made it, if that is known: the option `causes` of the site. */
      readonly cause: BumpCause | undefined;
    }
  | { readonly name: string; readonly state: 'missing' | 'damaged' };

/**
 * Reads tokens without making any: a page that finds none makes one.
 *
 * @throws CacheSweeperError CACHESWEEPER_STORE_UNREACHABLE
 */
export async function readTokens(
  names: readonly string[],
  { store, settings }: SiteStore,
  errors: StoreErrors,
): Promise<readonly TokenRead[]> {
  const sealer = new Sealer(settings.secrets);
  const known = new KnownNames(sealer, settings, false);
  store.onError?.(errors.report);
  const safe = new SafeStore(store, errors.report);
  const lookups = await safe.getMany(
    'token',
    names.map((name) => known.key(name)),
    TIMEOUT,
  );
  const tokens = names.map((name, i) => {
    const lookup = lookups[i];
    if (lookup === undefined || lookup.state === 'unknown') throw errors.unreachable();
    return lookup.state === 'missing' ? 'missing' : (known.open(name, known.get(name), lookup.value) ?? 'damaged');
  });
  const causes = await new SharedCauses(safe, sealer, settings).read(tokens);
  return names.map((name, i) => {
    const token = tokens[i] as string;
    if (token === 'missing' || token === 'damaged') return { name, state: token };
    return { name, state: 'found', token, since: new Date(tokenTime(token)), cause: causes.get(token) };
  });
}
