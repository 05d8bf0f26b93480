/** Names that html has for signs which encoders escape. */
const NAMED: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  equals: '=',
  plus: '+',
  sol: '/',
  bsol: '\\',
  grave: '`',
  percnt: '%',
  colon: ':',
  semi: ';',
  comma: ',',
  period: '.',
  lowbar: '_',
};

/** Escapes of html (decimal, hexadecimal, named), of urls, and of JavaScript and JSON (in braces, with 4 digits, with 2). */
const ESCAPE =
  /&(?:#(\d{1,7})|#x([\da-f]{1,6})|([a-z]{2,6}))(?:;|(?![\da-z]))|%([\da-f]{2})|\\(?:u\{([\da-f]{1,6})\}|u([\da-f]{4})|x([\da-f]{2})|(["'`/\\]))/gi;
/** Texts that are escaped in several ways at once, such as JSON in an attribute, need one pass for each. */
const MAX_PASSES = 3;

/**
 * Undoes the usual ways to escape a text, so that all spellings of it become one.
 *
 * @param text bytes, each as one character
 */
export function unescaped(text: string): string {
  let before = text;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const after = before.replace(ESCAPE, plain);
    if (after === before) break;
    before = after;
  }
  return before;
}

function plain(
  spelling: string,
  decimal: string | undefined,
  hex: string | undefined,
  name: string | undefined,
  percent: string | undefined,
  braces: string | undefined,
  four: string | undefined,
  two: string | undefined,
  sign: string | undefined,
): string {
  if (name !== undefined) return NAMED[name.toLowerCase()] ?? spelling;
  if (sign !== undefined) return sign;
  // A percent sign stands for one byte, the others for one character.
  if (percent !== undefined) return String.fromCharCode(Number.parseInt(percent, 16));
  const code = decimal === undefined ? Number.parseInt((hex ?? braces ?? four ?? two) as string, 16) : Number(decimal);
  return code > 0x10ffff ? spelling : bytesOf(String.fromCodePoint(code));
}

/** Returns the bytes of a text as it is sent, each as one character. */
export function bytesOf(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/**
 * Returns what base64 and base64url make of a text, alone or anywhere in a longer one: its characters depend on the
 * text's distance from the last multiple of three bytes. Those at its ends depend on their neighbours too, so they are
 * left out.
 */
export function inBase64(text: string): string[] {
  return [0, 1, 2].flatMap((distance) => {
    const bytes = Buffer.from(`${' '.repeat(distance)}${text}`, 'latin1');
    const [start, end] = [Math.ceil((distance * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return [bytes.toString('base64').slice(start, end), bytes.toString('base64url').slice(start, end)];
  });
}
