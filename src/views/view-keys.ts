import { LRUCache } from 'lru-cache';
import { canonicalKey, type KeyParts, type StoredKey, safeKey } from '../cache/key.ts';
import type { Identity } from '../model/identity.ts';
import { ownName } from '../model/names.ts';
import { VIEW_TYPE } from '../model/sparse-names.ts';
import { canonicalList } from '../util/canonical.ts';
import type { Address } from './http/address.ts';
import { type Params, viewIdentities } from './view-names.ts';

/** What tells the views of one address from those of others, before anything is known of what handlers read. */
export interface ViewPart {
  readonly address: Address;
  /** Undefined where all hosts share views. */
  readonly host: string | undefined;
  readonly name: string | undefined;
  readonly params: Params;
  /** Texts that tell what middleware left, what is replaced, and the route from others. Only the last may have several lines. */
  readonly kind: readonly string[];
  /** Result of the option `vary`. */
  readonly values: readonly unknown[];
}

/** The names and keys of the views of one address. */
export interface AddressKeys {
  readonly identities: readonly Identity[];
  /** Names of the identities. */
  readonly names: readonly string[];
  /** Key in the memory tier of what was read nothing for. It has no tokens, so that a newer view replaces an older one. */
  readonly memoryKey: string;
  readonly parts: Omit<KeyParts, 'models' | 'reads'>;
}

/** Limits of characters in all remembered addresses, and in one. Their objects take some four times as much. */
const MAX_KNOWN = 1_000_000;
const MAX_TEXT = 4_000;

/** Makes the keys of views. Those of addresses that were asked for lately are remembered. */
export class ViewKeys {
  readonly #settings: Pick<KeyParts, 'namespace' | 'version'>;
  readonly #known = new LRUCache<string, AddressKeys>({
    maxSize: MAX_KNOWN,
    sizeCalculation: ({ memoryKey }) => memoryKey.length,
  });

  constructor(settings: Pick<KeyParts, 'namespace' | 'version'>) {
    this.#settings = settings;
  }

  of(part: ViewPart): AddressKeys {
    const { address, host, name, params, kind, values } = part;
    const { host: site, urls } = address;
    const vary = values.length === 0 ? '[[]]' : canonicalList([values], 'vary value');
    // No part but the last one can hold a line break.
    const text = [
      site,
      host ?? '',
      ...urls,
      vary,
      name === undefined ? '' : JSON.stringify([name, params]),
      ...kind,
    ].join('\n');
    const known = this.#known.get(text);
    if (known !== undefined) return known;
    const keys = canonicalList([site, address.path, address.query, others(urls), kind], 'address');
    const identities = viewIdentities({ host, path: address.path, name, params });
    const parts = {
      ...this.#settings,
      template: VIEW_TYPE,
      digest: 'GET',
      ordinal: 0,
      keys,
      using: '[]',
      vary,
    };
    const models = identities.map((identity) => modelOf(identity, ''));
    const made = {
      identities,
      names: identities.map(ownName),
      memoryKey: canonicalKey({ ...parts, models, reads: '' }),
      parts,
    };
    if (text.length <= MAX_TEXT) this.#known.set(text, made);
    return made;
  }
}

/** Returns the key in the memory tier of views for which `reads` was found. */
export function memoryKeyOf({ memoryKey }: AddressKeys, reads: string): string {
  return reads === '' ? memoryKey : `${memoryKey}:${reads}`;
}

/** Returns the key in the store. It holds the tokens of the view's own names. */
export function storedKeyOf(
  { identities, parts }: AddressKeys,
  reads: string,
  token: (name: string) => string,
): StoredKey {
  const models = identities.map((identity) => modelOf(identity, token(ownName(identity))));
  const canonical = canonicalKey({ ...parts, models, reads });
  return { key: safeKey(canonical, parts), canonical };
}

function modelOf(identity: Identity, token: string): KeyParts['models'][number] {
  return { type: identity.type, id: identity.id, name: ownName(identity), token };
}

/** Returns the urls that differ from the first, which is in the key anyway. */
function others([first, ...rest]: readonly string[]): readonly (string | 0)[] {
  return rest.every((url) => url === first) ? [] : rest.map((url) => (url === first ? 0 : url));
}
