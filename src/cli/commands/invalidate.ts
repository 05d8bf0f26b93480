import { CacheSweeperError } from '../../errors.ts';
import { bumpedNames, EVERYTHING } from '../../model/names.ts';
import { CacheSweeper } from '../../sweeper.ts';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, printable, stylist, widthOf, wrap } from '../io.ts';
import { identityOf, modelArgument, type NamedModel } from '../store/model-argument.ts';
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
  if (options.all === true && options.tenant !== undefined) {
    throw badOption('--tenant', 'the tenant of a row', '--all, which is everything of all tenants');
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
    doubt = await doubtOf(model, site, errors);
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

/**
 * Returns why the site may not notice. Each fragment depends on the tokens of everything and of its models' types, sealed with the site's
 * secret: where one of these is missing, nothing is in use that could be invalidated, or the site calls it otherwise.
 */
async function doubtOf(
  model: NamedModel | undefined,
  site: SiteStore,
  errors: StoreErrors,
): Promise<string | undefined> {
  const type = model === undefined ? EVERYTHING : bumpedNames({ type: identityOf(model).type, id: undefined })[0];
  const [everything, ofType] = await readTokens([EVERYTHING, type], site, errors);
  const states = [everything?.state, ofType?.state];
  const { namespace, version } = site.settings;
  if (states.includes('damaged')) {
    return 'what is in the store is sealed with another secret: say that of the site with CACHESWEEPER_SECRET, and run the command again';
  }
  if (everything?.state === 'missing') {
    return (
      `no page has been cached in this store with ${namespace === '' ? 'no namespace' : `the namespace ${namespace}`} and key version ${version}: ` +
      'if the site has others, or its tokens on another server, nothing was invalidated there; say them with --namespace, --key-version and --store'
    );
  }
  if (ofType?.state !== 'missing') return undefined;
  return (
    `nothing in this store depends on the type ${type}: if the site calls it otherwise, nothing was invalidated there; ` +
    'write it as the site does, capital letters included'
  );
}

function notAcknowledged({ names = [] }: CacheSweeperError, errors: StoreErrors): CacheSweeperError {
  const reason = errors.first === undefined ? '' : ` (${errors.first})`;
  return new CacheSweeperError(
    'CACHESWEEPER_BUMP_FAILED',
    `the store did not acknowledge the invalidation of ${names.join(', ')}${reason}: it may or may not have happened; run the command again`,
    { names },
  );
}
