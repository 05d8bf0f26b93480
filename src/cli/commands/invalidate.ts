import { CacheSweeperError } from '../../errors.ts';
import { EVERYTHING } from '../../model/names.ts';
import { CacheSweeper } from '../../sweeper.ts';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, printable, stylist, widthOf, wrap } from '../io.ts';
import { modelArgument } from '../store/model-argument.ts';
import { openStore, type SiteStore, StoreErrors, type StoreOptions } from '../store/open-store.ts';
import { readTokens } from '../store/read-tokens.ts';

export interface InvalidateCommandOptions extends StoreOptions {
  readonly tenant?: string;
  readonly all?: boolean;
}

/**
 * Invalidates a row, a type or everything for all processes of the site, as `invalidateCacheFor` and `invalidateAll` do. Ends with
 * {@link ExitCode.findings} where it seems that these processes read other names than those that were bumped.
 */
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
  const site = openStore(options, io);
  const errors = new StoreErrors();
  const bumped: string[] = [];
  const sweeper = new CacheSweeper({
    ...site.options,
    store: site.store,
    memory: false,
    // Whoever wonders why pages were made anew finds it with `inspect`.
    causes: true,
    onError: errors.report,
    onBump: (names) => bumped.push(...names),
  });
  let doubt: string | undefined;
  try {
    doubt = await doubtOf(site, errors);
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
  if (doubt === undefined) return ExitCode.fine;
  io.stderr.write(`${wrap(doubt, widthOf(io.stderr), '')}\n`);
  return ExitCode.findings;
}

/** Returns why the site may not notice: each page reads the token of everything, sealed with the site's secret. */
async function doubtOf(site: SiteStore, errors: StoreErrors): Promise<string | undefined> {
  const [read] = await readTokens([EVERYTHING], site, errors);
  const { namespace, version } = site.settings;
  switch (read?.state) {
    case 'missing':
      return (
        `no page has been cached in this store with ${namespace === '' ? 'no namespace' : `the namespace ${namespace}`} and key version ${version}: ` +
        'if the site has others, nothing was invalidated there; say them with --namespace and --key-version'
      );
    case 'damaged':
      return 'what is in the store is sealed with another secret: say that of the site with CACHESWEEPER_SECRET, and run the command again';
    default:
      return undefined;
  }
}

function notAcknowledged({ names = [] }: CacheSweeperError, errors: StoreErrors): CacheSweeperError {
  const reason = errors.first === undefined ? '' : ` (${errors.first})`;
  return new CacheSweeperError(
    'CACHESWEEPER_BUMP_FAILED',
    `the store did not acknowledge the invalidation of ${names.join(', ')}${reason}: it may or may not have happened; run the command again`,
    { names },
  );
}
