import { describe } from '../util/describe.ts';
import { idText } from '../util/id-text.ts';
import { ID_ATTRIBUTES, type Whereabouts } from './known-models.ts';
import { noIdentity } from './no-identity.ts';
import { isUnknown } from './partial-row.ts';

/** Dates, bytes, and MongoDB's ObjectId, UUID and Long, are ids too. */
type IdValue = string | number | bigint | Date | Uint8Array | { readonly _bsontype: string };

/** Identifies a model to the cache. Without an `id` it means the type as a whole. */
export interface ModelIdentity {
  readonly type: string;
  /** A list for a key of several attributes: their values, in the order of the key. */
  readonly id?: IdValue | readonly IdValue[] | undefined;
  /** Tells rows of the same type and id apart, such as those of two schemas. Default: none. */
  readonly tenant?: IdValue | null | undefined;
}

/** The internal form of {@link ModelIdentity}: the id is text, so the ids 7, 7n and "7" name the same record. */
export interface Identity {
  readonly type: string;
  readonly id: string | undefined;
  readonly tenant?: string | undefined;
}

/** Returns what stands where the id of a model is; undefined if nothing does. */
export function idOf(model: object, id?: Whereabouts): unknown {
  if (typeof id === 'function') return id(model as never);
  const attributes = model as Record<string, unknown>;
  if (id !== undefined) return attributes[id];
  for (const name of ID_ATTRIBUTES) {
    if (attributes[name] !== undefined) return attributes[name];
  }
  return undefined;
}

/** Returns a tenant as text; null for none. */
export function checkedTenant(tenant: unknown, whose: string, attribute?: Whereabouts): string | null {
  if (tenant === null) return null;
  const text = idText(tenant);
  if (text !== undefined) return text;
  const name = typeof attribute === 'string' ? attribute : 'tenant';
  throw noIdentity(
    `${whose} has no usable ${name}: expected a string, number or bigint, or null for no tenant, got ${said(tenant)}`,
  );
}

/** Returns an id as text. Those of several attributes are a list. */
export function checkedId(id: unknown, whose: string, attribute?: Whereabouts): string {
  const textOf = (part: unknown) => idText(part instanceof Date ? part.toJSON() : part);
  const text = textOf(id);
  if (text !== undefined) return text;
  if (Array.isArray(id) && id.length > 0) {
    const texts = id.map(textOf);
    if (!texts.includes(undefined)) return JSON.stringify(texts);
  }
  const name = typeof attribute === 'string' ? attribute : 'id';
  throw noIdentity(
    `${whose} has no usable ${name}: expected a string, number or bigint, got ${said(id)}; ` +
      'save it first, or say where its id is with register(theClass, { id: "uuid" })',
  );
}

/** Checks an identity that an option, a model or a template gave. */
export function checkedIdentity(identity: unknown, whence: string): Identity {
  if (typeof identity === 'object' && identity !== null && 'type' in identity) {
    const { type } = identity;
    if (typeof type === 'string' && type !== '') {
      // An id that is present but undefined belongs to an unsaved row; it does not mean the type as a whole.
      const id = 'id' in identity ? checkedId(identity.id, `${whence} an identity that`) : undefined;
      const told = 'tenant' in identity ? identity.tenant : null;
      return { type, id, tenant: checkedTenant(told ?? null, `${whence} an identity that`) ?? undefined };
    }
  }
  throw noIdentity(`${whence} ${describe(identity)}: expected { type, id } with a type that is a string`);
}

function said(value: unknown): string {
  return isUnknown(value) ? 'what was not loaded' : describe(value);
}
