/** Most names that one message lists. */
const MAX_SHOWN = 10;
/** Most characters of a name that a message shows. */
const MAX_CHARACTERS = 200;

/** Lists names for an error message. */
export function shownNames(names: readonly string[]): string {
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  return names.slice(0, MAX_SHOWN).map(shownName).join(', ') + more;
}

/**
 * Shows a text that may hold what a visitor has sent. Its control characters are escaped: they would start lines of their own in a
 * log, or command a terminal.
 */
export function shownName(name: string): string {
  const short = name.length > MAX_CHARACTERS ? `${name.slice(0, MAX_CHARACTERS)}…` : name;
  return short.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
