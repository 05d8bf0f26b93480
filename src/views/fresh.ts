import { CLOCK_SKEW } from '../cache/new-entry.ts';
import { tokenTime } from '../cache/token.ts';
import { dependencyNames, EVERYTHING } from '../model/names.ts';
import { requestStarted } from '../render/ambient.ts';
import { canonicalList } from '../util/canonical.ts';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { digest } from '../util/digest.ts';
import { addressOf } from './http/address.ts';
import { validatorMet } from './http/conditional.ts';
import { policiesOf } from './http/csp.ts';
import type { Exchange, Reply } from './http/exchange.ts';
import { text } from './http/header-text.ts';
import { answerFor, watchResponses } from './http/last-word.ts';
import { PRIVATE } from './http/personal-headers.ts';
import { visitorText } from './http/visitor.ts';
import { type SweeperLike, type Views, viewsOf } from './views.ts';
import { runOf, settingsOf } from './views-of-requests.ts';

/** Options of `fresh`. */
export interface FreshOptions {
  /** Needed if the request did not pass `cacheView`. */
  readonly sweeper?: SweeperLike;
  /** Values that the answer depends on beside the models, such as a build number or the content of a cart. */
  readonly keys?: readonly unknown[];
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
export function checkFreshOptions(options: FreshOptions): void {
  checkNames('fresh()', options, ['sweeper', 'keys']);
  const { sweeper, keys } = options;
  if (sweeper !== undefined && viewsOf(sweeper) === undefined) {
    throw badOption('fresh() sweeper', 'a CacheSweeper', describe(sweeper));
  }
  if (keys !== undefined && !Array.isArray(keys)) throw badOption('fresh() keys', 'a list of values', describe(keys));
}

/** Request headers by which handlers often choose between answers. */
const NEGOTIATED = ['cookie', 'authorization', 'accept', 'accept-language', 'user-agent', 'origin'] as const;

/**
 * Returns the 304 for a request, or undefined if it needs a full answer. The validator is weak, because it promises the
 * same content but not the same bytes.
 */
export async function isFresh(exchange: Exchange, models: unknown, options: FreshOptions): Promise<Reply | undefined> {
  const { incoming, response } = exchange;
  const settings = settingsOf(incoming);
  const views = viewsOf(options.sweeper) ?? settings?.views;
  if (views === undefined) {
    throw badOption('fresh()', 'a request that passed cacheView(), or the option sweeper', 'neither');
  }
  const isRead = incoming.method === 'GET' || incoming.method === 'HEAD';
  const tokens = isRead && views.isEnabled ? await tokensOf(views, models) : undefined;
  const visitor = visitorText(exchange.visitors);
  const address = addressOf(exchange, { ignoreHost: settings?.ignoreHost ?? false, query: settings?.query });
  if (tokens === undefined || visitor === undefined || address === undefined) return undefined;
  const { namespace, version } = views.engine.settings;
  const kind = canonicalList(
    [
      [namespace, version],
      [address.host, ...address.urls],
      tokens,
      mayBeLate(views, tokens),
      NEGOTIATED.map((name) => incoming.headers[name] ?? null),
      visitor,
      policiesOf(exchange.headers()),
      settings?.vary?.(exchange.request) ?? [],
      options.keys ?? [],
    ],
    'key',
    (instance) => views.nameOfInstance(instance),
  );
  watchResponses();
  answerFor(response);
  const etag = `W/"${digest(kind, 27)}"`;
  const cacheControl = text(exchange.headers()['cache-control']) || PRIVATE;
  const met = validatorMet({ 'if-none-match': incoming.headers['if-none-match'] }, etag, undefined);
  if (met !== undefined && incoming.headers['if-none-match']?.trim() !== '*') {
    return {
      status: 304,
      headers: { ETag: met, 'Cache-Control': cacheControl },
      removed: ['content-type', 'content-length'],
      body: Buffer.alloc(0),
      isText: false,
    };
  }
  // A view that is being cached gets its own validator.
  if (runOf(incoming) !== undefined) return undefined;
  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', cacheControl);
  return undefined;
}

/**
 * Whether an answer under these tokens may contain data read before a bump. As long as it may, the validator differs,
 * so that a client that got such an answer does not get a 304 for it later.
 */
function mayBeLate({ engine }: Views, tokens: readonly (readonly [string, string])[]): boolean {
  const { now, maxDataAge } = engine.settings;
  const since = Math.min(requestStarted() ?? Number.POSITIVE_INFINITY, now() - maxDataAge);
  return tokens.some(([, token]) => tokenTime(token) >= since - CLOCK_SKEW);
}

/** Returns the names that the models depend on, with their tokens; undefined if a token cannot be read. */
async function tokensOf(views: Views, models: unknown): Promise<readonly (readonly [string, string])[] | undefined> {
  // Also of an empty list: `invalidateAll` changes every answer.
  const names = [...new Set([EVERYTHING, ...views.identities(models).flatMap(dependencyNames)])].sort();
  const reader = views.engine.reader(true);
  for (const name of names) reader.token(name);
  while (reader.isPending) await reader.ask();
  const tokens: [string, string][] = [];
  for (const name of names) {
    const token = reader.token(name);
    if (typeof token !== 'string') return undefined;
    tokens.push([name, token]);
  }
  return tokens;
}
