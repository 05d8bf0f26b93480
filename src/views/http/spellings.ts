/** Names that html has for signs which encoders escape. */
const NAMED: ReadonlyMap<string, string> = new Map(
  Object.entries({
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
  }),
);
const LONGEST_NAME = 6;

/** Texts that are escaped in several ways at once, such as JSON in an attribute, need one pass for each. */
const MAX_PASSES = 3;

/**
 * Undoes the usual ways to escape a text, so that all spellings of it become one: html (decimal, hexadecimal, named),
 * urls, and JavaScript and JSON (in braces, with four digits, with two). A loop over bytes, because a regular expression
 * took 50 ms for half a megabyte.
 *
 * @param bytes are overwritten
 * @returns the part of them that is left
 */
export function unescaped(bytes: Buffer): Buffer {
  let left = bytes;
  for (let pass = 0; pass < MAX_PASSES; pass++) {
    const { length } = left;
    left = undoOnce(left);
    if (left.length === length) break;
  }
  return left;
}

/** What an escape stands for, and where it ends. */
interface Escape {
  readonly code: number;
  readonly end: number;
}

function undoOnce(bytes: Buffer): Buffer {
  const { length } = bytes;
  let to = 0;
  for (let from = 0; from < length; ) {
    const byte = bytes[from] as number;
    const found =
      byte === AMPERSAND
        ? inHtml(bytes, from + 1)
        : byte === PERCENT
          ? digits(bytes, from + 1, 16, 2, 2)
          : byte === BACKSLASH
            ? inScript(bytes, from + 1)
            : undefined;
    if (found === undefined) {
      bytes[to++] = byte;
      from++;
      continue;
    }
    // What a percent sign stands for is a byte already, all else a character. None is longer than its escape.
    if (byte === PERCENT || found.code < 0x80) bytes[to++] = found.code;
    else to += bytes.write(String.fromCodePoint(found.code), to, 'utf8');
    from = found.end;
  }
  return bytes.subarray(0, to);
}

const sign = (text: string): number => text.charCodeAt(0);
const AMPERSAND = sign('&');
const PERCENT = sign('%');
const BACKSLASH = sign('\\');
const SEMICOLON = sign(';');
const SMALL = 0x20;
const MAX_CODE = 0x10ffff;
/** Signs that scripts escape with nothing but a backslash. */
const IN_TEXTS: ReadonlySet<number | undefined> = new Set([...'"\'`/\\'].map(sign));

function inHtml(bytes: Buffer, start: number): Escape | undefined {
  if (bytes[start] !== sign('#')) return named(bytes, start);
  const isHex = ((bytes[start + 1] ?? 0) | SMALL) === sign('x');
  const found = isHex ? digits(bytes, start + 2, 16, 1, 6) : digits(bytes, start + 1, 10, 1, 7);
  return found && ended(bytes, found);
}

function named(bytes: Buffer, start: number): Escape | undefined {
  let end = start;
  while (end - start < LONGEST_NAME && isLetter(bytes[end])) end++;
  const plain = NAMED.get(bytes.toString('latin1', start, end).toLowerCase());
  return plain === undefined ? undefined : ended(bytes, { code: sign(plain), end });
}

/** Browsers do without the semicolon, where no letter or digit follows. */
function ended(bytes: Buffer, { code, end }: Escape): Escape | undefined {
  const next = bytes[end];
  if (next === SEMICOLON) return { code, end: end + 1 };
  return isLetter(next) || valueOfDigit(next) < 10 ? undefined : { code, end };
}

function inScript(bytes: Buffer, start: number): Escape | undefined {
  const first = bytes[start];
  if (IN_TEXTS.has(first)) return { code: first as number, end: start + 1 };
  if (first === sign('x')) return digits(bytes, start + 1, 16, 2, 2);
  if (first !== sign('u')) return undefined;
  if (bytes[start + 1] !== sign('{')) return digits(bytes, start + 1, 16, 4, 4);
  const found = digits(bytes, start + 2, 16, 1, 6);
  return found !== undefined && bytes[found.end] === sign('}') ? { code: found.code, end: found.end + 1 } : undefined;
}

function digits(bytes: Buffer, start: number, base: 10 | 16, min: number, max: number): Escape | undefined {
  let code = 0;
  let end = start;
  for (; end - start < max; end++) {
    const digit = valueOfDigit(bytes[end]);
    if (digit >= base) break;
    code = code * base + digit;
  }
  return end - start < min || code > MAX_CODE ? undefined : { code, end };
}

/** Returns 16 or more for what is no digit. */
function valueOfDigit(byte: number | undefined): number {
  if (byte === undefined) return 16;
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | SMALL;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : 16;
}

function isLetter(byte: number | undefined): boolean {
  const letter = (byte ?? 0) | SMALL;
  return letter >= 0x61 && letter <= 0x7a;
}

/**
 * Returns what base64 and base64url make of a text, alone or anywhere in a longer one: its characters depend on the
 * text's distance from the last multiple of three bytes. Those at its ends depend on their neighbours too, so they are
 * left out.
 *
 * @param text bytes, each as one character
 */
export function inBase64(text: string): string[] {
  return [0, 1, 2].flatMap((distance) => {
    const bytes = Buffer.from(`${' '.repeat(distance)}${text}`, 'latin1');
    const [start, end] = [Math.ceil((distance * 8) / 6), Math.floor((bytes.length * 8) / 6)];
    return [bytes.toString('base64').slice(start, end), bytes.toString('base64url').slice(start, end)];
  });
}
