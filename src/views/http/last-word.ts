import { subscribe } from 'node:diagnostics_channel';
import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import { dropNonces } from './csp.ts';
import { text } from './header-text.ts';
import { keepFromAll, keepFromShared, makePrivate, speaksToOne, variesByVisitor } from './personal-headers.ts';
import { givenHeaders, isHeadSent, setGiven } from './raw-head.ts';

/** Knows whether an answer belongs to one visitor. */
export interface Asked {
  /** Called when the head is written, after all other code has changed it. */
  isPersonal(): boolean;
  /** Whether caches on the way may keep an answer that is not personal; by default they may. */
  mayBeShared?(): boolean;
  /**
   * Whether it shows what was served in an outage of the store, so that no cache at all may keep it; by default it does not.
   */
  isOutage?(): boolean;
  /** Called last of all, as the head is written; may still set headers. */
  readonly finish?: ((response: ServerResponse) => void) | undefined;
}

const ONE_VISITOR: Asked = { isPersonal: () => true };
/** An answer for all, of which is not known by which request headers it was chosen. */
export const NOT_SHARED: Asked = { isPersonal: () => false, mayBeShared: () => false };
/** An answer for all, from the cache, in an outage. */
export const OUTAGE_HIT: Asked = { isPersonal: () => false, isOutage: () => true };
const EVERYBODY: Asked = { isPersonal: () => false };

/**
 * Property of a response in which ours is the innermost `writeHead`: whom to ask, or null as long as the response is
 * none of our business. Registered, so that two copies of this package in one process agree.
 */
const LAST_WORD: unique symbol = Symbol.for('nunjucks-cachesweeper.lastWord') as never;

type Watched = ServerResponse & { [LAST_WORD]?: Asked | null };
type HeadArguments = [status: number, ...rest: unknown[]];
type WriteHead = (this: ServerResponse, ...args: HeadArguments) => ServerResponse;

/** The own `writeHead` of every response. One function for all, because each request of the process gets it. */
const lastWord = function writeHead(this: ServerResponse, ...args: HeadArguments): ServerResponse {
  return speak(this, (Object.getPrototypeOf(this) as { writeHead: WriteHead }).writeHead, args);
};

let isWatching = false;

/**
 * Gives each response of this process an own `writeHead` before any code sees the request. Middleware that adds a
 * cookie as the head is written wraps the `writeHead` that it finds, and so runs before ours. Only for HTTP/1: for
 * HTTP/2, Node announces no requests.
 */
export function watchResponses(): void {
  if (isWatching) return;
  isWatching = true;
  subscribe('http.server.request.start', (message) => {
    standFirst((message as { readonly response: ServerResponse }).response);
  });
}

/** Puts our `writeHead` on a response, if nobody has put one there. Call this as early as possible. */
export function standFirst(response: ServerResponse): void {
  const watched = response as Watched;
  if (watched[LAST_WORD] !== undefined || Object.hasOwn(response, 'writeHead')) return;
  watched[LAST_WORD] = null;
  response.writeHead = lastWord as ServerResponse['writeHead'];
}

/**
 * Answers for a response: as its head is written, whatever makes it personal makes it private, and a 304 loses policies
 * with a nonce. Where others own `writeHead` and we were not there before them, they may add a cookie after us, so that
 * nothing but a private answer is safe.
 *
 * @param asked told when the head is written whether the answer is personal; by default only its headers tell
 */
export function answerFor(response: ServerResponse, asked: Asked = EVERYBODY): void {
  standFirst(response);
  const watched = response as Watched;
  const before = watched[LAST_WORD];
  if (before === undefined) {
    const inner = response.writeHead as WriteHead;
    const outermost = function writeHead(this: ServerResponse, ...args: HeadArguments) {
      return speak(this, inner, args);
    };
    response.writeHead = outermost as ServerResponse['writeHead'];
    watched[LAST_WORD] = both(ONE_VISITOR, asked);
  } else if (before === null) watched[LAST_WORD] = asked;
  else if (asked !== EVERYBODY) watched[LAST_WORD] = both(before, asked);
}

function both(one: Asked, other: Asked): Asked {
  return {
    isPersonal: () => one.isPersonal() || other.isPersonal(),
    mayBeShared: () => mayBeShared(one) && mayBeShared(other),
    isOutage: () => isOutage(one) || isOutage(other),
    finish: one.finish && other.finish ? finishBoth(one.finish, other.finish) : (one.finish ?? other.finish),
  };
}

type Finish = NonNullable<Asked['finish']>;

function finishBoth(one: Finish, other: Finish): Finish {
  return (response) => {
    one(response);
    other(response);
  };
}

function isOutage(asked: Asked): boolean {
  return asked.isOutage?.() ?? false;
}

function mayBeShared(asked: Asked): boolean {
  return asked.mayBeShared?.() ?? true;
}

/** Says that an answer belongs to one visitor. Does nothing once the head is written. */
export function markPersonal(response: ServerResponse): void {
  answerFor(response, ONE_VISITOR);
}

function speak(response: ServerResponse, inner: WriteHead, args: HeadArguments): ServerResponse {
  const asked = (response as Watched)[LAST_WORD];
  if (asked === undefined || asked === null || isHeadSent(response)) return inner.apply(response, args);
  const given = givenHeaders(args);
  // Most answers are for all, and their headers need not be taken apart.
  const isPlain = args[0] !== 304 && !Array.isArray(given) && mayBeShared(asked) && !isOutage(asked);
  if (isPlain && asked.finish === undefined && !isForOne(response, asked, given)) return inner.apply(response, args);
  const [status, ...message] = setGiven(response, args);
  if (isOutage(asked)) keepFromAll(response);
  if (isForOne(response, asked, undefined)) makePrivate(response);
  else if (!mayBeShared(asked)) keepFromShared(response);
  if (status === 304) dropNonces(response);
  asked.finish?.(response);
  return inner.call(response, status, ...message);
}

/** @param given headers among the arguments of `writeHead` that are not yet set */
function isForOne(response: ServerResponse, asked: Asked, given: object | undefined): boolean {
  try {
    if (asked.isPersonal()) return true;
  } catch {
    // What cannot be told is taken to be personal.
    return true;
  }
  const own = new Map<string, OutgoingHttpHeader>();
  if (given !== undefined) for (const [name, value] of Object.entries(given)) own.set(name.toLowerCase(), value);
  return (
    speaksToOne((name) => own.has(name) || response.hasHeader(name)) !== undefined ||
    variesByVisitor(text(own.get('vary') ?? response.getHeader('vary')))
  );
}
