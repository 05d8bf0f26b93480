import type { CacheSweeper } from '../../sweeper.ts';
import { badOption, checkNames } from '../../util/check-option.ts';
import { describe } from '../../util/describe.ts';
import { parseDuration } from '../../util/duration.ts';
import { SCHEMES, type SignatureScheme, type WebhookRequest } from './schemes.ts';

/** Options of {@link webhook}. */
export interface WebhookOptions<P = Readonly<Record<string, unknown>>> {
  /** What the sender signs with; a list while it is changed: any of them counts. At least 16 characters each. */
  readonly secret: string | readonly string[];
  /**
   * Returns what has changed: models as for `invalidateCacheFor`, or a `URL` of an HTTP API as if it had been written, or a list of
   * these; undefined for nothing. It may be asynchronous.
   *
   * @param payload the JSON of the body
   */
  readonly models: (payload: P, request: WebhookRequest) => unknown;
  /**
   * How the sender signs. `'standard'` (the default): Standard Webhooks. `'github'`, `'contentful'`: theirs. `'token'`: it does not,
   * and sends the secret as `Authorization: Bearer …`.
   */
  readonly scheme?: 'standard' | 'github' | 'contentful' | 'token' | SignatureScheme;
  /** How long before or after now it may have been sent, as a duration. Default: `'5m'`. */
  readonly tolerance?: string;
  /** Bytes of a body. Default: 1,000,000. */
  readonly maxBytes?: number;
}

/** Options, checked. */
export interface WebhookSettings {
  readonly secrets: readonly string[];
  readonly models: (payload: never, request: WebhookRequest) => unknown;
  /** Undefined for a token. */
  readonly scheme: SignatureScheme | undefined;
  /** Milliseconds. */
  readonly tolerance: number;
  readonly maxBytes: number;
}

const WHAT = 'webhook()';
const NAMES = ['secret', 'models', 'scheme', 'tolerance', 'maxBytes'];
const MIN_SECRET = 16;

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
export function checkWebhook<P>(sweeper: CacheSweeper, options: WebhookOptions<P>): WebhookSettings {
  if (typeof sweeper?.beginTransaction !== 'function') throw badOption(WHAT, 'a CacheSweeper', describe(sweeper));
  if (typeof options !== 'object' || options === null) throw badOption(WHAT, 'an object of options', describe(options));
  checkNames(WHAT, options, NAMES);
  const { secret, models, scheme = 'standard', tolerance = '5m', maxBytes = 1_000_000 } = options;
  const secrets: readonly unknown[] = Array.isArray(secret) ? secret : [secret];
  if (secrets.length === 0 || !secrets.every((each) => typeof each === 'string' && each.length >= MIN_SECRET))
    throw badOption(`${WHAT} secret`, `a text of ${MIN_SECRET} characters at least, or a list of them`, 'another one');
  if (typeof models !== 'function') throw badOption(`${WHAT} models`, 'a function', describe(models));
  const milliseconds = parseDuration(tolerance);
  if (milliseconds === undefined || milliseconds <= 0)
    throw badOption(`${WHAT} tolerance`, 'a duration such as "5m"', describe(tolerance));
  if (!Number.isInteger(maxBytes) || maxBytes <= 0)
    throw badOption(`${WHAT} maxBytes`, 'a number of bytes', describe(maxBytes));
  return {
    secrets: secrets as readonly string[],
    models: models as WebhookSettings['models'],
    scheme: schemeOf(scheme),
    tolerance: milliseconds,
    maxBytes,
  };
}

function schemeOf(scheme: unknown): SignatureScheme | undefined {
  if (scheme === 'token') return undefined;
  if (typeof scheme === 'string' && Object.hasOwn(SCHEMES, scheme)) return SCHEMES[scheme];
  const { signature, timestamp, signed, key } = (scheme ?? {}) as Partial<SignatureScheme>;
  const isScheme =
    typeof signature === 'string' &&
    typeof signed === 'function' &&
    (timestamp === undefined || typeof timestamp === 'string') &&
    (key === undefined || typeof key === 'function');
  if (!isScheme)
    throw badOption(
      `${WHAT} scheme`,
      '"standard", "github", "contentful", "token" or { signature, signed }',
      describe(scheme),
    );
  const lower = (name: string) => name.toLowerCase();
  return {
    signature: lower(signature),
    ...(timestamp === undefined ? {} : { timestamp: lower(timestamp) }),
    signed,
    ...(key === undefined ? {} : { key }),
  };
}
