import { styleText } from 'node:util';

/** Where a command writes to. `process.stdout` is one. */
export interface Output {
  /** @param taken called when the text has been taken, or cannot be */
  write(text: string, taken?: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** What a command has of the process that it runs in, so that tests can run it in theirs. */
export interface Io {
  readonly stdout: Output;
  /** Errors and progress. */
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** Version of this package. */
  readonly version: string;
}

type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

/** Returns a function that colours text, if the output is a terminal that is to have colours (`NO_COLOR`). */
export function stylist(output: Output, env: Io['env']): (style: Style, text: string) => string {
  const hasColours = output.isTTY === true && !env.NO_COLOR && env.TERM !== 'dumb';
  return (style, text) => (hasColours ? styleText(style, text, { validateStream: false }) : text);
}

/** Characters in a line; Infinity where the output is no terminal, so that programs get whole lines. */
export function widthOf(output: Output): number {
  return output.isTTY === true ? Math.max(40, output.columns ?? 80) : Number.POSITIVE_INFINITY;
}

/** Breaks a text between words into printable lines of a width, each of which begins with the same blanks. */
export function wrap(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.trim().split(/\s+/).map(printable)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => indent + one).join('\n');
}

/** Escapes what would command a terminal or begin a line of its own: names and texts come from others. */
export function printable(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
