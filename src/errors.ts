/**
 * Every code of a {@link CacheSweeperError}. Codes are stable, so programs may test them; messages may change.
 * docs/errors.md has cause and remedy of each.
 */
export type CacheSweeperErrorCode =
  | 'CACHESWEEPER_ASYNC_BODY'
  | 'CACHESWEEPER_BAD_KEY'
  | 'CACHESWEEPER_BAD_OPTION'
  | 'CACHESWEEPER_BAD_TAG'
  | 'CACHESWEEPER_BAD_TTL'
  | 'CACHESWEEPER_BLOCK_IN_BODY'
  | 'CACHESWEEPER_CALLER_IN_BODY'
  | 'CACHESWEEPER_CLOSED'
  | 'CACHESWEEPER_DIFFERS'
  | 'CACHESWEEPER_HOLE'
  | 'CACHESWEEPER_INSTALL'
  | 'CACHESWEEPER_BUMP_FAILED'
  | 'CACHESWEEPER_LAZY_NEEDS_CALLBACK'
  | 'CACHESWEEPER_LAZY_NOT_CALLED'
  | 'CACHESWEEPER_LAZY_OUTSIDE_RENDER'
  | 'CACHESWEEPER_NO_IDENTITY'
  | 'CACHESWEEPER_NO_PROGRESS'
  | 'CACHESWEEPER_OUTBOX'
  | 'CACHESWEEPER_PANEL'
  | 'CACHESWEEPER_PRIVATE_NAME'
  | 'CACHESWEEPER_STORE_DAMAGED'
  | 'CACHESWEEPER_STORE_UNREACHABLE'
  | 'CACHESWEEPER_STORE_UNSUPPORTED'
  | 'CACHESWEEPER_TRANSACTION_OVER'
  | 'CACHESWEEPER_TYPE_CONFLICT'
  | 'CACHESWEEPER_UNSEEN'
  | 'CACHESWEEPER_WEBHOOK';

/**
 * The only error class of this package.
 *
 * @example
 * try {
 *   await sweeper.invalidateCacheFor(comment);
 * } catch (error) {
 *   if (error instanceof CacheSweeperError && error.code === 'CACHESWEEPER_NO_IDENTITY') …
 * }
 */
export class CacheSweeperError extends Error {
  /** Stable identifier of the error, for programs. */
  readonly code: CacheSweeperErrorCode;
  /** Names whose bump was not acknowledged, such as `Comment:=7` or `Comment:*`. Only of CACHESWEEPER_BUMP_FAILED. */
  readonly names?: readonly string[];

  constructor(
    code: CacheSweeperErrorCode,
    message: string,
    { names, ...options }: ErrorOptions & { readonly names?: readonly string[] } = {},
  ) {
    super(message, options);
    this.name = 'CacheSweeperError';
    this.code = code;
    if (names !== undefined) this.names = names;
  }
}
