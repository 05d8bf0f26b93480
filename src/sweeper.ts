import { Entries } from './cache/entries.ts';
import { MemoryTier } from './cache/memory-tier.ts';
import { ProcessTokens } from './cache/process-tokens.ts';
import { Shared } from './cache/shared/shared.ts';
import { StoreTokens } from './cache/store-tokens.ts';
import type { Tokens } from './cache/tokens.ts';
import { CacheSweeperError } from './errors.ts';
import { BumpListener } from './invalidation/bump-listener.ts';
import { Bumps, bumpFailed } from './invalidation/bumps.ts';
import { Causes, withCauses } from './invalidation/causes.ts';
import { type Changes, changesOf, type InvalidateOptions, unconditional } from './invalidation/changes.ts';
import { inNoRequest } from './invalidation/current-request.ts';
import type { BeginOptions, SweepTransaction, TransactionOptions } from './invalidation/transaction.ts';
import { Transactions } from './invalidation/transactions.ts';
import { UncertainWrites } from './invalidation/uncertain-writes.ts';
import { Listeners } from './listeners.ts';
import { Identifier, type ModelClass } from './model/identity.ts';
import { EVERYTHING } from './model/names.ts';
import { checkRegistration } from './model/registration.ts';
import { type CacheSweeperOptions, checkOptions } from './options.ts';
import { Outbox } from './outbox/outbox.ts';
import { Engine } from './render/engine.ts';
import { Loading } from './render/loading.ts';
import type { RecentBump } from './reporting/cause.ts';
import type { BumpedNames, UnfinishedReport } from './reporting/report.ts';
import { Stats } from './reporting/stats.ts';
import { keepParts } from './sweeper/parts.ts';
import { type CacheSweeperStats, sumOf } from './sweeper/stats.ts';
import { install, rendersOf } from './template/install.ts';
import type { Environment, NunjucksEnvironment } from './template/nunjucks.ts';
import { type WarmResult, warm } from './template/warm.ts';
import type { WarmOptions, WarmPages } from './template/warm-input.ts';
import { Background } from './util/background.ts';
import { badOption } from './util/check-option.ts';
import { describe } from './util/describe.ts';
import type { ExpiredViews, ViewTarget } from './views/expire.ts';
import { Views } from './views/views.ts';

/**
 * Limit of batches of entries being written at one time. Further ones are dropped; their fragments are rendered again.
 */
const MAX_BACKGROUND_WRITES = 1_000;

/**
 * A fragment cache for Nunjucks: a tag that renders its body once, and methods that invalidate all fragments of a
 * model.
 *
 * @example
 * const sweeper = new CacheSweeper();
 * sweeper.install(nunjucks.configure('templates', { express: app }));
 * // in a template: {% cachesweeper comment 500 "comment.njk" %}…{% endcachesweeper %}
 * await sweeper.invalidateCacheFor(comment);
 */
export class CacheSweeper {
  readonly #identifier: Identifier;
  readonly #memory: MemoryTier | undefined;
  readonly #tokens: Tokens;
  readonly #shared: Shared | undefined;
  readonly #background = new Background(MAX_BACKGROUND_WRITES);
  readonly #engine: Engine;
  readonly #bumps: Bumps;
  readonly #transactions: Transactions;
  readonly #listener: BumpListener;
  readonly #stats = new Stats();
  readonly #listeners: Listeners;
  readonly #views: Views;
  readonly #outbox: Outbox | undefined;
  readonly #causes: Causes | undefined;
  #renders = 0;
  #closing: Promise<void> | undefined;

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value */
  constructor(options: CacheSweeperOptions = {}) {
    const settings = checkOptions(options);
    this.#listeners = new Listeners(settings);
    const onError = this.#listeners.failed;
    this.#identifier = new Identifier(settings.identify);
    this.#memory = settings.memoryBytes > 0 ? new MemoryTier(settings.memoryBytes) : undefined;
    this.#listener = new BumpListener(settings.onBump, onError);
    this.#shared = settings.store && new Shared(settings.store, settings, onError, this.#listener.tell);
    this.#causes = settings.causes ? new Causes(settings.now, this.#shared?.causes) : undefined;
    const shared = this.#shared;
    const tokens = shared === undefined ? new ProcessTokens(settings.now) : new StoreTokens(shared, settings.timeout);
    this.#tokens = tokens;
    this.#bumps = new Bumps(tokens, settings, this.#listener, this.#causes);
    const deliver = async (changes: Changes): Promise<void> => {
      this.#checkOpen();
      await this.#bumps.deliver(changes);
    };
    this.#outbox =
      settings.outbox &&
      new Outbox(settings.outbox, {
        site: `${settings.namespace}:${settings.version}`,
        isActive: shared !== undefined,
        deliver: (names) =>
          inNoRequest(() => deliver(withCauses({ names, conditional: new Map() }, this.#causes, 'outbox'))),
        report: onError,
      });
    const outbox = this.#outbox?.isActive ? this.#outbox : undefined;
    this.#transactions = new Transactions({
      identifier: this.#identifier,
      causes: this.#causes,
      outbox,
      deliver,
      report: onError,
    });
    this.#engine = new Engine({
      settings,
      transactions: this.#transactions,
      identifier: this.#identifier,
      tokens,
      entries: new Entries(this.#memory, this.#shared, this.#background, settings.now),
      finished: (report, bumped) => this.#finished(report, bumped),
      verified: (place, verified) => this.#stats.verify(place, verified),
      viewed: (view) => this.#stats.addView(view),
      failed: onError,
    });
    keepParts(this, {
      identifier: this.#identifier,
      loading: new Loading(this.#engine, onError),
      listeners: this.#listeners,
      engine: this.#engine,
      uncertain: new UncertainWrites(async (names) => {
        if (this.#engine.isClosed) return;
        await deliver(withCauses({ names, conditional: new Map() }, this.#causes, 'uncertain write')).catch(onError);
      }),
      outbox: this.#outbox,
    });
    this.#views = new Views(this, {
      engine: this.#engine,
      bump: (names) => {
        this.#checkOpen();
        return this.#changed({ names, conditional: new Map() }, 'expireView');
      },
      report: onError,
      withCauses: (bumped, told) => this.#withCauses(bumped, told),
    });
  }

  /**
   * Adds `{% cachesweeper %}` and `{% depends %}` to a Nunjucks environment. A second call is harmless. A sweeper may
   * serve several environments.
   *
   * @param options `name`: tells environments apart whose filters and globals have the same source but print different
   * things
   * @throws CacheSweeperError CACHESWEEPER_INSTALL when the environment cannot be used or has another sweeper
   */
  install<E extends NunjucksEnvironment>(env: E, options: { readonly name?: string } = {}): E {
    install(env, this.#engine, options);
    return env;
  }

  /**
   * Describes a type: its name, where its id and its tenant are, which other models' fragments show it, and which attribute is its
   * version.
   *
   * @example
   * sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the type or an option is not valid
   */
  register<M = unknown>(
    typeOrClass: string | (abstract new (...args: never[]) => M) | ModelClass,
    registration: {
      readonly type?: string;
      readonly id?: string | ((model: M) => unknown);
      readonly tenant?: string | ((model: M) => unknown);
      readonly touches?: (model: M, previous?: M) => unknown;
      readonly version?: string;
    } = {},
  ): this {
    this.#identifier.register(typeOrClass, checkRegistration(registration));
    return this;
  }

  /**
   * Invalidates all fragments made from these models, and all fragments around those; the next render makes them anew.
   * A row also invalidates the lists of its type and the models it `touches`. A class or the name of a type invalidates
   * all fragments of any of its rows. Resolves when the bump is done. May be called without its object, as in
   * `.then(invalidateCacheFor)`.
   *
   * @param models a model or a list of models
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT, CACHESWEEPER_BAD_KEY,
   * CACHESWEEPER_BAD_OPTION, CACHESWEEPER_CLOSED: nothing was bumped; CACHESWEEPER_BUMP_FAILED: the store did not
   * acknowledge the bump, which is retried in the background
   *
   * @example
   * await comment.save();
   * await sweeper.invalidateCacheFor(comment);
   */
  readonly invalidateCacheFor = async (models: unknown, options: InvalidateOptions = {}): Promise<void> => {
    this.#checkOpen();
    const list: readonly unknown[] = Array.isArray(models) ? models : [models];
    await this.#changed(changesOf(this.#identifier, list, options), 'invalidateCacheFor');
  };

  /**
   * Invalidates whole views, so that the next request makes them anew: those of a path with any query, or those of a
   * named route, with certain parameters or with any; on all hosts or on one. A view need not be cached. May be called
   * without its object.
   *
   * @returns the names that were bumped, and the paths they stand for
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION, CACHESWEEPER_BUMP_FAILED, CACHESWEEPER_CLOSED
   *
   * @example
   * await sweeper.expireView('/articles/hello');
   * await sweeper.expireView({ name: 'post-detail', params: { slug: 'hello' } });
   */
  readonly expireView = (target: ViewTarget): Promise<ExpiredViews> => this.#views.expire(target);

  /**
   * Invalidates every fragment and view.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED, CACHESWEEPER_CLOSED
   */
  readonly invalidateAll = async (): Promise<void> => {
    this.#checkOpen();
    await this.#changed({ names: new Set([EVERYTHING]), conditional: new Map() }, 'invalidateAll');
  };

  /**
   * Runs a function around a database transaction. Changes that it reports are bumped when the function resolves, and
   * dropped when it fails. Transactions nest: an inner one's changes wait for the outermost one. In pages rendered
   * inside, fragments of changed models are rendered uncached.
   *
   * @returns the result of `run`, after the bump
   * @throws CacheSweeperError CACHESWEEPER_CLOSED, before `run` is called; with `strict`, CACHESWEEPER_BUMP_FAILED
   *
   * @example
   * await sweeper.transaction((t) =>
   *   db.transaction(async (tx) => {
   *     await tx.update(comments).set({ text }).where(eq(comments.id, id));
   *     t.invalidateCacheFor({ type: 'Comment', id });
   *   }),
   * );
   */
  readonly transaction = async <T>(
    run: (transaction: SweepTransaction) => T | PromiseLike<T>,
    options: TransactionOptions = {},
  ): Promise<T> => {
    this.#checkOpen();
    return this.#transactions.around(run, options);
  };

  /**
   * Begins a transaction that is not one function, such as an ORM's. The caller must end it with `commit()`, which
   * bumps and so should be awaited, or with `rollback()`.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
   */
  beginTransaction(options: BeginOptions = {}): SweepTransaction {
    return this.#transactions.begin(options);
  }

  /**
   * The outbox, to make its table.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION without the option `outbox`
   *
   * @example
   * await sweeper.outbox.createTable();
   */
  get outbox(): Pick<Outbox, 'createTable' | 'createTableSql'> {
    if (this.#outbox !== undefined) return this.#outbox;
    throw badOption('option outbox', 'true, or the Knex of the site, to use sweeper.outbox', 'none');
  }

  /**
   * Renders a template of an environment in which this sweeper is installed. Waits for the store and for lazies.
   *
   * @param since when the request began, in milliseconds since 1970; the page's data is not older. Default: now less
   * `maxDataAge`
   * @throws CacheSweeperError CACHESWEEPER_INSTALL when this sweeper is not installed there; CACHESWEEPER_BAD_OPTION
   * for `since`; errors of the template
   *
   * @example
   * const html = await sweeper.render(env, 'article.njk', { article });
   */
  render(
    env: NunjucksEnvironment,
    name: string,
    context: object = {},
    { since }: { readonly since?: number } = {},
  ): Promise<string> {
    return new Promise((resolve, reject) => {
      const renders = rendersOf(env, this.#engine);
      if (since !== undefined && !Number.isFinite(since)) {
        throw badOption('render() since', 'milliseconds since 1970', describe(since));
      }
      const settle = (error: unknown, html?: string) => (error ? reject(error) : resolve(html ?? ''));
      renders.byName(env as Environment, name, context, settle, since);
    });
  }

  /**
   * Renders pages before visitors ask for them, for example before a deploy takes traffic. Each is rendered as `render`
   * does it, and its entries are in the store when this resolves. A page that fails does not stop the others.
   *
   * @param pages a list, or anything that gives pages one after the other, such as an asynchronous generator. The next one
   * is taken when it can be rendered
   * @param options pages at a time (default 4), a listener for progress, an AbortSignal
   * @returns how many pages were rendered, and the errors of the others
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION and CACHESWEEPER_INSTALL for wrong pages and options: of a list nothing
   * was rendered; CACHESWEEPER_CLOSED; errors of what gives the pages; the reason of `signal`
   *
   * @example
   * const { rendered, failed } = await sweeper.warm(
   *   ids.map((id) => ({ env, name: 'article.njk', context: async () => ({ article: await Article.findByPk(id) }) })),
   *   { onProgress: ({ done, all }) => console.log(`${done} of ${all}`) },
   * );
   */
  async warm(pages: WarmPages, options: WarmOptions = {}): Promise<WarmResult> {
    const checkOpen = () => this.#checkOpen('nothing can be cached');
    checkOpen();
    const { now } = this.#engine.settings;
    return warm(pages, options, {
      checkInstalled: ({ env }) => rendersOf(env, this.#engine),
      checkOpen,
      render: ({ env, name }, context, since) => this.render(env, name, context, since === undefined ? {} : { since }),
      written: () => this.#background.settled(),
      report: this.#listeners.failed,
      now,
    });
  }

  /**
   * Resolves when all background writes and retries are done and all chosen hits are verified. For tests, serverless
   * functions and shutdown.
   */
  async idle(): Promise<void> {
    await this.#engine.verifier.idle();
    await Promise.all([this.#background.idle(), this.#shared?.tokens.idle()]);
    await this.#outbox?.idle();
    await this.#causes?.idle();
    await this.#listener.idle();
  }

  /** Returns counts: what is cached, how often that helped, and how much time it saved. */
  stats(): CacheSweeperStats {
    return {
      memory: { entries: this.#memory?.size ?? 0, bytes: this.#memory?.bytes ?? 0 },
      tokens: this.#tokens.size,
      writesDropped: this.#background.dropped,
      bumped: this.#listener.told,
      bumpsWaiting: this.#shared?.tokens.failing.length ?? 0,
      damaged: this.#shared?.damaged ?? 0,
      making: sumOf(this.#engine.fragments.making, this.#views.makings.counts, this.#shared?.leases?.counts),
      store: this.#shared?.storeStats,
      renders: this.#renders,
      tags: this.#stats.tags(),
      notWorthCaching: this.#stats.notWorthCaching(),
    };
  }

  /** Returns the last 100 bumps of this process, the youngest first; none without the option `causes`. */
  recentBumps(): readonly RecentBump[] {
    return this.#causes?.recent ?? [];
  }

  /**
   * Finishes bumps and background writes that are under way, and closes the store's connections. Bumps that cannot be
   * delivered are reported to `onError`. Pages can still be rendered, uncached; invalidating throws
   * CACHESWEEPER_CLOSED.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#engine.isClosed = true;
    await this.#engine.verifier.close();
    await Promise.all([this.#background.idle(), this.#bumps.idle()]);
    await this.#causes?.idle();
    await this.#outbox?.close();
    const undelivered = (await this.#shared?.tokens.close()) ?? [];
    if (undelivered.length > 0)
      this.#listeners.failed(bumpFailed(undelivered, 'closed before they could be delivered'));
    await this.#shared?.close();
    this.#memory?.clear();
  }

  /**
   * Bumps changes now; inside a transaction also at its commit, because other connections read the old rows until then.
   * Inside a transaction no attribute is recorded: the bump at the commit would find it and be skipped, and the
   * transaction may be rolled back.
   */
  #changed(uncaused: Changes, by: string): Promise<void> {
    const changes = withCauses(uncaused, this.#causes, by);
    const { current } = this.#transactions;
    current?.collect(changes);
    return this.#bumps.deliver(current === undefined ? changes : unconditional(changes));
  }

  #checkOpen(consequence = 'nothing can be invalidated'): void {
    if (this.#closing !== undefined)
      throw new CacheSweeperError('CACHESWEEPER_CLOSED', `this sweeper was closed: ${consequence}`);
  }

  #finished(report: UnfinishedReport, bumped: BumpedNames): void {
    this.#renders++;
    this.#stats.add(report.fragments, report.waited);
    const told = () => this.#listeners.rendered(report);
    this.#withCauses(bumped, told);
  }

  /** @param told called when it is known what bumped the names, as far as it can be */
  #withCauses(bumped: BumpedNames, told: () => void): void {
    if (bumped.size === 0 || this.#causes === undefined) told();
    else this.#causes.complete(bumped, told);
  }
}
