/**
 * Every code a {@link CacheSweeperError} can carry. Codes are stable: programs may test them; messages may improve.
 * Cause and remedy of each: README, "Errors".
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
  | 'CACHESWEEPER_INSTALL'
  | 'CACHESWEEPER_BUMP_FAILED'
  | 'CACHESWEEPER_LAZY_NEEDS_CALLBACK'
  | 'CACHESWEEPER_LAZY_NOT_CALLED'
  | 'CACHESWEEPER_LAZY_OUTSIDE_RENDER'
  | 'CACHESWEEPER_NO_IDENTITY'
  | 'CACHESWEEPER_NO_PROGRESS'
  | 'CACHESWEEPER_PRIVATE_NAME'
  | 'CACHESWEEPER_TYPE_CONFLICT';

/**
 * The one error class of this package.
 *
 * @example
 * try {
 *   await sweeper.invalidateCacheFor(comment);
 * } catch (error) {
 *   if (error instanceof CacheSweeperError && error.code === 'CACHESWEEPER_NO_IDENTITY') …
 * }
 */
export class CacheSweeperError extends Error {
  /** Stable, for programs. */
  readonly code: CacheSweeperErrorCode;

  constructor(code: CacheSweeperErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CacheSweeperError';
    this.code = code;
  }
}
