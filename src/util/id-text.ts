import { isPlain } from './plain.ts';

/** A value of MongoDB's package `bson`, of any version: an ObjectId, a UUID, a Long. */
interface BsonValue {
  readonly _bsontype: string;
  /** What the bytes of a `Binary` are. */
  readonly sub_type?: unknown;
  toHexString?(): unknown;
  toString(encoding?: string): string;
}

/**
 * Whether a value is one of MongoDB's, such as an ObjectId. It is a value like a number, although it has an `id`. Data from
 * outside cannot pretend to be one, because it is plain.
 */
export function isBsonValue(value: object): boolean {
  return '_bsontype' in value && typeof value._bsontype === 'string' && !isPlain(value);
}

/**
 * Returns an id as text, so that an ObjectId and its hex digits, or a Long and its number, name the same record. Bytes are
 * hex digits. Undefined for what is no usable id.
 */
export function idText(id: unknown): string | undefined {
  switch (typeof id) {
    case 'string':
      return id === '' ? undefined : id;
    case 'bigint':
      return String(id);
    case 'number':
      return Number.isFinite(id) ? String(id) : undefined;
    default:
      return typeof id === 'object' && id !== null ? objectText(id) : undefined;
  }
}

function objectText(id: object): string | undefined {
  if (id instanceof Uint8Array) return id.length === 0 ? undefined : Buffer.from(id).toString('hex');
  if (!isBsonValue(id)) return undefined;
  const { _bsontype: type, toHexString } = id as BsonValue;
  if (typeof toHexString === 'function') return idText(toHexString.call(id));
  if (type === 'Binary') return binaryText(id as BsonValue);
  // A number as text may be infinite or none, and an object may have no text of its own.
  const text = String(id);
  return text === '' || /^(?:\[object .*|-?inf(?:inity)?|-?nan)$/i.test(text) ? undefined : text;
}

/** Drivers give a UUID as what it is, or as bytes that say so. */
function binaryText(binary: BsonValue): string | undefined {
  const hex = binary.toString('hex');
  if (binary.sub_type === UUID) return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
  return hex === '' ? undefined : hex;
}

const UUID = 4;
