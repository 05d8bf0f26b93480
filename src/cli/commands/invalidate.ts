import { CacheSweeperError } from '../../errors.ts';
import { CacheSweeper } from '../../sweeper.ts';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, printable, stylist } from '../io.ts';
import { modelArgument } from '../store/model-argument.ts';
import { openStore, StoreErrors, type StoreOptions } from '../store/open-store.ts';

export interface InvalidateCommandOptions extends StoreOptions {
  readonly tenant?: string;
  readonly all?: boolean;
}

/** Invalidates a row, a type or everything for all processes of the site, as `invalidateCacheFor` and `invalidateAll` do. */
export async function invalidate(
  type: string | undefined,
  id: string | undefined,
  options: InvalidateCommandOptions,
  io: Io,
): Promise<ExitCode> {
  if ((type === undefined) !== (options.all === true)) {
    throw badOption('invalidate', 'a model (Comment 7) or --all', type === undefined ? 'neither' : 'both');
  }
  const model = type === undefined ? undefined : modelArgument(type, id, options.tenant);
  const { store, options: site } = openStore(options, io);
  const errors = new StoreErrors();
  const bumped: string[] = [];
  const sweeper = new CacheSweeper({
    ...site,
    store,
    memory: false,
    onError: errors.report,
    onBump: (names) => bumped.push(...names),
  });
  try {
    await (model === undefined ? sweeper.invalidateAll() : sweeper.invalidateCacheFor(model));
  } catch (error) {
    throw error instanceof CacheSweeperError && error.code === 'CACHESWEEPER_BUMP_FAILED'
      ? notAcknowledged(error, errors)
      : error;
  } finally {
    await sweeper.close();
  }
  if (options.json === true) io.stdout.write(`${JSON.stringify({ invalidated: bumped })}\n`);
  else io.stdout.write(`${stylist(io.stdout, io.env)('green', 'invalidated')} ${bumped.map(printable).join(', ')}\n`);
  return ExitCode.fine;
}

function notAcknowledged({ names = [] }: CacheSweeperError, errors: StoreErrors): CacheSweeperError {
  const reason = errors.first === undefined ? '' : ` (${errors.first})`;
  return new CacheSweeperError(
    'CACHESWEEPER_BUMP_FAILED',
    `the store did not acknowledge the invalidation of ${names.join(', ')}${reason}: it may or may not have happened; run the command again`,
    { names },
  );
}
