import { channel } from 'node:diagnostics_channel';
import { CacheSweeperError } from './errors.ts';
import { canonicalList } from './fragment/canonical.ts';
import { describe } from './fragment/describe.ts';
import { digest } from './fragment/digest.ts';
import { Identifier, type ModelClass, type Registration } from './fragment/identity.ts';
import { EVERYTHING, ownName } from './fragment/names.ts';
import { SweptNames } from './fragment/swept.ts';
import { type CacheSweeperOptions, checkOptions, type Settings } from './options.ts';
import { Background } from './render/background.ts';
import { Bumps, bumpFailed } from './render/bumps.ts';
import { Engine, type Tokens } from './render/engine.ts';
import { Entries } from './render/entries.ts';
import { usingValue } from './render/operands.ts';
import type { UnfinishedReport } from './render/report.ts';
import { Stats, type TagStats } from './render/stats.ts';
import { LocalTokens } from './stores/local-tokens.ts';
import { MemoryTier } from './stores/memory-tier.ts';
import { Shared } from './stores/shared.ts';
import { install, rendersOf } from './template/install.ts';
import type { Environment, NunjucksEnvironment } from './template/nunjucks.ts';

/** Batches of entries being written at one time; more are dropped, and rendered again some day. */
const MAX_BACKGROUND_WRITES = 1_000;

const renderChannel = channel('nunjucks-cachesweeper:render');
const errorChannel = channel('nunjucks-cachesweeper:error');

/** Options of {@link CacheSweeper.invalidateCacheFor}. */
export interface InvalidateOptions {
  /** Bumps a model only if this attribute differs from the one recorded when it was bumped with it last. */
  readonly using?: string;
}

/** What {@link CacheSweeper.stats} tells. */
export interface CacheSweeperStats {
  readonly memory: { readonly entries: number; readonly bytes: number };
  /** Names whose tokens this process keeps; 0 with a store. */
  readonly tokens: number;
  /** Batches of entries not written because too many writes were under way. */
  readonly writesDropped: number;
  /** Names whose bump the store has not acknowledged yet. */
  readonly bumpsWaiting: number;
  /** Values from the store that were not what had been stored: misses. */
  readonly damaged: number;
  /** What the store tells of itself, if it does. */
  readonly store: object | undefined;
  readonly renders: number;
  /** By template and line, most time saved first. */
  readonly tags: readonly TagStats[];
  /** Those used a hundred times or more that took more time than they saved, the worst first: better without the tag. */
  readonly notWorthCaching: readonly TagStats[];
}

/**
 * A fragment cache for Nunjucks: a tag that renders its body once, and calls that make the fragments of a model fresh.
 *
 * @example
 * const sweeper = new CacheSweeper();
 * sweeper.install(nunjucks.configure('templates', { express: app }));
 * // in a template: {% cachesweeper comment 500 "comment.njk" %}…{% endcachesweeper %}
 * await sweeper.invalidateCacheFor(comment);
 */
export class CacheSweeper {
  readonly #settings: Settings;
  readonly #identifier: Identifier;
  readonly #memory: MemoryTier | undefined;
  readonly #local = new LocalTokens();
  readonly #shared: Shared | undefined;
  readonly #background = new Background(MAX_BACKGROUND_WRITES);
  readonly #engine: Engine;
  readonly #bumps: Bumps;
  readonly #stats = new Stats();
  #renders = 0;
  #closing: Promise<void> | undefined;

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
  constructor(options: CacheSweeperOptions = {}) {
    const settings = checkOptions(options);
    this.#settings = settings;
    this.#identifier = new Identifier(settings.identify);
    this.#memory = settings.memoryBytes > 0 ? new MemoryTier(settings.memoryBytes) : undefined;
    this.#shared = settings.store && new Shared(settings.store, settings, (error) => this.#report(error));
    const tokens: Tokens = this.#shared ?? { local: this.#local };
    this.#bumps = new Bumps(tokens, settings);
    this.#engine = new Engine({
      settings,
      identifier: this.#identifier,
      tokens,
      entries: new Entries(this.#memory, this.#shared?.entries, this.#background, settings.now),
      finished: (report) => this.#finished(report),
    });
  }

  /**
   * Adds `{% cachesweeper %}` and `{% depends %}` to a Nunjucks environment. Doing it twice is harmless; a sweeper may
   * serve several environments.
   *
   * @throws CacheSweeperError CACHESWEEPER_INSTALL
   */
  install<E extends NunjucksEnvironment>(env: E): E {
    install(env, this.#engine);
    return env;
  }

  /**
   * Tells what is known of a type: its name, where its id is, and which other models' fragments show it.
   *
   * @example
   * sweeper.register(Comment, { touches: (comment) => [{ type: 'Article', id: comment.articleId }] });
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION
   */
  register<M = unknown>(
    typeOrClass: string | (abstract new (...args: never[]) => M) | ModelClass,
    registration: {
      readonly type?: string;
      readonly id?: string | ((model: M) => unknown);
      readonly touches?: (model: M, previous?: M) => unknown;
    } = {},
  ): this {
    this.#identifier.register(typeOrClass, checkRegistration(registration));
    return this;
  }

  /**
   * Makes every fragment made from these models, and every fragment around those, fresh from the next render on. A row
   * also sweeps the lists of its type and what it `touches`; a class or the name of a type sweeps all that shows any
   * of its rows. Bound: it can be passed around.
   *
   * @param models a model or a list of models
   * @throws CacheSweeperError CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT; nothing was bumped then
   *
   * @example
   * await comment.save();
   * await sweeper.invalidateCacheFor(comment);
   */
  readonly invalidateCacheFor = async (models: unknown, options: InvalidateOptions = {}): Promise<void> => {
    this.#checkOpen();
    const { using } = options;
    const list: readonly unknown[] = Array.isArray(models) ? models : [models];
    const changed = list.map((model) => ({
      model,
      identity: this.#identifier.identity(model),
      recorded: using === undefined ? undefined : usingRecord(model, using),
    }));
    const recorded =
      using === undefined ? undefined : await this.#bumps.recorded(changed.map(({ identity }) => ownName(identity)));
    const swept = new SweptNames(this.#identifier);
    for (const change of changed) {
      if (recorded !== undefined && recorded.get(ownName(change.identity)) === change.recorded) continue;
      swept.add(change.model, change.identity, change.recorded);
    }
    await this.#bumps.send(swept.names);
  };

  /** Makes everything fresh from the next render on. */
  readonly invalidateAll = async (): Promise<void> => {
    this.#checkOpen();
    await this.#bumps.send(new Map([[EVERYTHING, undefined]]));
  };

  /**
   * Renders a template of an environment that this sweeper is installed in.
   *
   * @param since when the request began, in milliseconds since 1970: data read after it is not older. Default: now
   *   less `maxDataAge`
   * @throws CacheSweeperError CACHESWEEPER_INSTALL; what the template throws
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
        throw new CacheSweeperError(
          'CACHESWEEPER_BAD_OPTION',
          `render() expected since as milliseconds since 1970, got ${describe(since)}`,
        );
      }
      const settle = (error: unknown, html?: string) => (error ? reject(error) : resolve(html ?? ''));
      renders.byName(env as Environment, name, context, settle, since);
    });
  }

  /** Resolved when all background writes and retries are done. For tests, serverless functions and shutdown. */
  async idle(): Promise<void> {
    await Promise.all([this.#background.idle(), this.#shared?.tokens.idle()]);
  }

  /** What was cached, how often that helped, and what it saved. */
  stats(): CacheSweeperStats {
    return {
      memory: { entries: this.#memory?.size ?? 0, bytes: this.#memory?.bytes ?? 0 },
      tokens: this.#local.size,
      writesDropped: this.#background.dropped,
      bumpsWaiting: this.#shared?.tokens.failing.length ?? 0,
      damaged: this.#shared?.damaged ?? 0,
      store: this.#shared?.storeStats,
      renders: this.#renders,
      tags: this.#stats.tags(),
      notWorthCaching: this.#stats.notWorthCaching(),
    };
  }

  /**
   * Finishes background writes and ends the store's connections. Bumps that could not be delivered are reported to
   * `onError`. Pages can still be rendered, uncached;
   * invalidating then throws CACHESWEEPER_CLOSED.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#engine.isClosed = true;
    await this.#background.idle();
    const undelivered = (await this.#shared?.tokens.close()) ?? [];
    if (undelivered.length > 0) this.#report(bumpFailed(undelivered, 'closed before they could be delivered'));
    await this.#shared?.close();
    this.#memory?.clear();
  }

  #checkOpen(): void {
    if (this.#closing !== undefined)
      throw new CacheSweeperError('CACHESWEEPER_CLOSED', 'this sweeper was closed: nothing can be invalidated');
  }

  #finished(report: UnfinishedReport): void {
    this.#renders++;
    this.#stats.add(report.fragments, report.waited);
    if (renderChannel.hasSubscribers) renderChannel.publish(report);
    try {
      // It may be asynchronous, against its type.
      const returned: unknown = this.#settings.onRender?.(report);
      if (returned instanceof Promise) returned.catch((error) => this.#report(error));
    } catch (error) {
      this.#report(error);
    }
  }

  /** Hands on an error that nobody waits for. */
  #report(error: unknown): void {
    if (errorChannel.hasSubscribers) errorChannel.publish(error);
    try {
      if (this.#settings.onError !== undefined) this.#settings.onError(error);
      else process.emitWarning(error instanceof Error ? error : new Error(`onRender threw ${describe(error)}`));
    } catch (second) {
      process.emitWarning(second instanceof Error ? second : new Error(`onError threw ${describe(second)}`));
    }
  }
}

function checkRegistration(registration: object): Registration {
  if (typeof registration !== 'object' || registration === null) {
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      `register() expected { type, id, touches }, got ${describe(registration)}`,
    );
  }
  for (const [name, value] of Object.entries(registration)) {
    const valid =
      value === undefined ||
      (name === 'type' && typeof value === 'string' && value !== '') ||
      (name === 'id' && (typeof value === 'function' || (typeof value === 'string' && value !== ''))) ||
      (name === 'touches' && typeof value === 'function');
    if (valid) continue;
    throw new CacheSweeperError(
      'CACHESWEEPER_BAD_OPTION',
      `register() expected type (a name), id (an attribute or a function) and touches (a function), got ${name}: ${describe(value)}`,
    );
  }
  return { ...registration } as Registration;
}

/** What a token records of the attribute named by `using`. */
function usingRecord(model: unknown, using: string): string {
  return digest(canonicalList([using, usingValue(model, using)], 'using'), 11);
}
