/** Members of a list that count: so many that a page that depends on them is not stored, and that a write of them is one of all. */
const MAX_MEMBERS = 1_001;

const WHITESPACE = /[ \t]*/y;
/** A string of RFC 9651, and parameters behind it, whose values are strings, tokens, numbers, booleans or byte sequences. */
const MEMBER =
  /"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"(?: *;(?: *[a-z*][\w.*-]*)(?:=(?:"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"|[^",; \t]+))?)*/y;
const COMMA = /,/y;

/**
 * Parses a list of strings of RFC 9651, as `Cache-Groups` and `Cache-Group-Invalidation` have it.
 *
 * @param header the field's value; undefined if it is absent
 * @returns its members; none if it is malformed, as RFC 9651 asks for
 */
export function stringList(header: string | undefined): readonly string[] {
  const text = header?.trim() ?? '';
  if (text === '') return [];
  const members: string[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (found !== null) at = pattern.lastIndex;
    return found;
  };
  for (;;) {
    const member = take(MEMBER);
    if (member === null) return [];
    members.push((member[1] as string).replace(/\\(.)/g, '$1'));
    take(WHITESPACE);
    if (at === text.length) return [...new Set(members)].slice(0, MAX_MEMBERS);
    if (take(COMMA) === null) return [];
    take(WHITESPACE);
  }
}
