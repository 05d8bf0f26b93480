import { digest } from '../util/digest.ts';

/** Longer texts are compared by their digest, so that entries do not carry them. */
export const LONGEST_TEXT = 2_048;

/** A value that is no object. */
export type Atom = string | number | bigint | boolean | symbol | null | undefined;

/**
 * The text of a value that is no object, by which it is compared. No two values that print, count or compare differently share
 * one, and each text says where it ends.
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

/** With the flag `u` a pair is one character, and not half of one. */
const LONE_SURROGATE = /[\ud800-\udfff]/u;

/** @param kind one letter: 's' for a string, 'h' for html that is marked safe */
export function textAtom(kind: string, text: string): string {
  // Half a character would be lost on its way through a store.
  if (LONE_SURROGATE.test(text)) return textAtom(`${kind}"`, JSON.stringify(text));
  return text.length > LONGEST_TEXT
    ? `${kind.toUpperCase()}${text.length}:${digest(text, 22)}`
    : `${kind}${text.length}:${text}`;
}

const ABSENT = 'u'.charCodeAt(0);
const NULL = 'n'.charCodeAt(0);
const TRUE = 't'.charCodeAt(0);
const FALSE = 'f'.charCodeAt(0);
const PRESENT = 'p'.charCodeAt(0);

/** What {@link Presence} gives for objects that are told from others, and no half of a character is. */
export const FIRST_OBJECT = 128;
export const LAST_OBJECT = 0xd7ff;

/** How a value is compared of which only presence counts; {@link presence} or one that tells some objects from others. */
export type Presence = (value: unknown) => number;

/** How a value below a model is compared: whether it is there, and which of the two a boolean is. A character's code. */
export function presence(value: unknown): number {
  if (value === undefined) return ABSENT;
  if (value === null) return NULL;
  if (value === true) return TRUE;
  return value === false ? FALSE : PRESENT;
}
