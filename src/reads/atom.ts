import { digest } from '../util/digest.ts';

/** Longer texts are compared by their digest, so that entries do not carry them. */
export const LONGEST_TEXT = 2_048;

/** A value that is not an object. */
export type Atom = string | number | bigint | boolean | symbol | null | undefined;

/**
 * Writes a value that is not an object as the text by which it is compared. Values that print, count or compare
 * differently have different texts, and each text shows where it ends.
 */
export function atom(value: Atom): string {
  switch (typeof value) {
    case 'string':
      return textAtom('s', value);
    case 'number':
      return Object.is(value, -0) ? 'd-0,' : `d${value},`;
    case 'bigint':
      return `i${value},`;
    case 'boolean':
      return value ? 't' : 'f';
    case 'symbol':
      return textAtom('y', String(value));
    case 'undefined':
      return 'u';
    default:
      return 'n';
  }
}

/** With the flag `u` a surrogate pair counts as one character, so this matches only lone halves. */
export const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** @param kind one letter: 's' for a string, 'h' for html that is marked safe */
export function textAtom(kind: string, text: string): string {
  // UTF-8 has no form for a lone surrogate, so a store would lose it; JSON escapes it.
  if (LONE_SURROGATE.test(text)) return textAtom(`${kind}"`, JSON.stringify(text));
  return text.length > LONGEST_TEXT
    ? `${kind.toUpperCase()}${text.length}:${digest(text, 22)}`
    : `${kind}${text.length}:${text}`;
}

const ABSENT = 'u'.charCodeAt(0);
const NULL = 'n'.charCodeAt(0);
const TRUE = 't'.charCodeAt(0);
const FALSE = 'f'.charCodeAt(0);
export const PRESENT = 'p'.charCodeAt(0);

/** Range of codes that {@link Presence} gives to objects known from elsewhere. It lies below the surrogates. */
export const FIRST_OBJECT = 128;
export const LAST_OBJECT = 0xd7ff;

/**
 * How a value is compared when only its presence counts: {@link presence}, or a function that also tells known objects
 * apart.
 */
export type Presence = (value: unknown) => number;

/** Compares a value below a model: absent, null, true, false or present. Returns the code of one character. */
export function presence(value: unknown): number {
  if (value === undefined) return ABSENT;
  if (value === null) return NULL;
  if (value === true) return TRUE;
  return value === false ? FALSE : PRESENT;
}
