import { digest } from '../../util/digest.ts';
import type { AddressRecord } from '../http/stored-view.ts';
import type { ReadName } from './read-names.ts';
import type { RequestValues } from './request-values.ts';
import { type ReadReason, readReasonOf, type ValueText } from './value-text.ts';

/** Reads, with the texts of what was found. A view is stored, and found, under these texts. */
export type Found = readonly (readonly [ReadName, string])[];

/** An address whose handlers read more than this is not cached: looking a view up would cost too much. */
const MAX_READS = 50;
/** An address with more views has almost as many as visitors. */
const MAX_VALUES = 64;

/** Returns what the keys have for the reads of a view. */
export function textOf(found: Found): string {
  return found.length === 0 ? '' : JSON.stringify(found);
}

/** Why a request goes past the cache, and the first read that is the reason. */
export interface Refused {
  readonly reason: ReadReason;
  readonly read: ReadName | undefined;
}

/** Returns what a request has for the reads of a record, or why it goes past the cache. */
export function foundFor({ reads }: AddressRecord, request: Pick<RequestValues, 'text'>): Found | Refused {
  const texts = reads.map((name) => [name, request.text(name)] as const);
  const reason = readReasonOf(texts.map(([, text]) => text));
  if (reason === undefined) return texts as unknown as Found;
  const refused = texts.find(([, text]) => readReasonOf([text]) === reason);
  return { reason, read: refused?.[0] };
}

/** Returns what was found with what a handler has read, in the order of the alphabet, or why no key can hold it. */
export function foundWith(found: Found, reads: ReadonlyMap<ReadName, ValueText>): Found | ReadReason {
  const reason = readReasonOf(reads.values());
  if (reason !== undefined) return reason;
  const all = new Map([...found, ...(reads as ReadonlyMap<ReadName, string>)]);
  return [...all].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Returns the record of an address with one more view; undefined if the address has too many. */
export function recordWith(record: AddressRecord, found: Found): AddressRecord | undefined {
  if (found.length === 0) return record;
  const values = digest(JSON.stringify(found), 12);
  const { reads, stored } = record;
  if (found.length === reads.length && stored.includes(values)) return record;
  if (found.length > MAX_READS || stored.length >= MAX_VALUES) return undefined;
  return { reads: found.map(([name]) => name), stored: [...new Set([...stored, values])] };
}
