import { randomFillSync } from 'node:crypto';

/**
 * A token is an opaque string: nine base-36 digits of milliseconds since 1970, eleven base64url characters of 64 random
 * bits and, where one was recorded, a dot and a digest of the `using` attribute. Comparing two tokens as text compares
 * their times, until the year 5188.
 */
export type Token = string;

const TIME_DIGITS = 9;
const RANDOM_BYTES = 8;

/** Random bytes for 512 tokens, each used once. A call for random bytes takes 3 µs, however few are asked for. */
const pool = Buffer.alloc(512 * RANDOM_BYTES);
let used = pool.length;

function randomText(): string {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  used += RANDOM_BYTES;
  return pool.toString('base64url', used - RANDOM_BYTES, used);
}

/**
 * Makes a token that is never made again.
 *
 * @param time milliseconds since 1970
 * @param recorded digest of the `using` attribute; {@link tokenRecord} returns it
 */
export function mintToken(time: number, recorded?: string): Token {
  const token = timeText(Math.max(0, Math.floor(time))) + randomText();
  return recorded === undefined ? token : `${token}.${recorded}`;
}

let lastTime = { time: 0, text: '0'.repeat(TIME_DIGITS) };

/** Caches the last time's text, because one bump makes many tokens in the same millisecond. */
function timeText(time: number): string {
  if (lastTime.time !== time) lastTime = { time, text: time.toString(36).padStart(TIME_DIGITS, '0') };
  return lastTime.text;
}

/** Returns when a token was made, in milliseconds since 1970. */
export function tokenTime(token: Token): number {
  return Number.parseInt(token.slice(0, TIME_DIGITS), 36);
}

/** Returns the digest of the `using` attribute recorded in a token; undefined if there is none. */
export function tokenRecord(token: Token): string | undefined {
  const dot = token.indexOf('.');
  return dot === -1 ? undefined : token.slice(dot + 1);
}

const TOKEN = /^[0-9a-z]{9}[A-Za-z0-9_-]{11}(\.[A-Za-z0-9_-]{1,43})?$/;

/** Whether a text that came from a store has the form of a token. */
export function isToken(text: string | undefined): text is Token {
  return text !== undefined && TOKEN.test(text);
}
