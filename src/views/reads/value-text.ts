/** The value belongs to one visitor. */
export const PERSONAL: unique symbol = Symbol('personal');
/** No key can hold the value: a function, an instance of an unknown class, or too much data. */
export const UNSEEN: unique symbol = Symbol('unseen');

/** What stands for a value in a key. */
export type ValueText = string | typeof PERSONAL | typeof UNSEEN;

/** Why a page that was made from certain reads is not stored. */
export type ReadReason = 'personal' | 'unseen';

/** Returns why no key can hold the values; undefined if one can. What belongs to the visitor counts more. */
export function readReasonOf(texts: Iterable<ValueText>): ReadReason | undefined {
  let reason: ReadReason | undefined;
  for (const text of texts) {
    if (text === PERSONAL) return 'personal';
    if (text === UNSEEN) reason = 'unseen';
  }
  return reason;
}
