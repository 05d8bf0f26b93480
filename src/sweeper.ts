import { channel } from 'node:diagnostics_channel';
import { CacheSweeperError } from './errors.ts';
import { canonicalList } from './fragment/canonical.ts';
import { describe } from './fragment/describe.ts';
import { digest } from './fragment/digest.ts';
import { Identifier, type Identity, type ModelClass, type Registration } from './fragment/identity.ts';
import { EVERYTHING, ownName, sweptNames } from './fragment/names.ts';
import { mintToken, tokenRecord } from './fragment/token.ts';
import { type CacheSweeperOptions, checkOptions, type Settings } from './options.ts';
import { Fragments } from './render/fragments.ts';
import { KeyMaker, usingValue } from './render/operands.ts';
import type { RenderReport } from './render/report.ts';
import { Stats, type TagStats } from './render/stats.ts';
import { LocalTokens } from './stores/local-tokens.ts';
import { MemoryTier } from './stores/memory-tier.ts';
import { install, rendersOf } from './template/install.ts';
import type { NunjucksEnvironment, Template } from './template/nunjucks.ts';
import type { Page } from './template/page.ts';

const renderChannel = channel('nunjucks-cachesweeper:render');
const errorChannel = channel('nunjucks-cachesweeper:error');

/** Models that one invalidation may reach through `touches`; more is a circle of ever new models. */
const MAX_TOUCHED = 100_000;

/** Options of {@link CacheSweeper.invalidateCacheFor}. */
export interface InvalidateOptions {
  /** Bumps a model only if this attribute differs from the one recorded when it was bumped with it last. */
  readonly using?: string;
}

/** What {@link CacheSweeper.stats} tells. */
export interface CacheSweeperStats {
  readonly memory: { readonly entries: number; readonly bytes: number };
  /** Names whose tokens this process keeps. */
  readonly tokens: number;
  readonly renders: number;
  /** By template and line, most time saved first. */
  readonly tags: readonly TagStats[];
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
  readonly #tokens = new LocalTokens();
  readonly #memory: MemoryTier | undefined;
  readonly #keys: KeyMaker;
  readonly #fragments: Fragments;
  readonly #stats = new Stats();
  readonly #running: { page: Page | undefined } = { page: undefined };
  #renders = 0;
  #closed = false;

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
  constructor(options: CacheSweeperOptions = {}) {
    this.#settings = checkOptions(options);
    this.#identifier = new Identifier(this.#settings.identify);
    this.#memory = this.#settings.memoryBytes > 0 ? new MemoryTier(this.#settings.memoryBytes) : undefined;
    this.#keys = new KeyMaker(this.#settings, this.#identifier, this.#tokens);
    this.#fragments = new Fragments(this.#settings, this.#keys, this.#tokens, this.#memory);
  }

  /**
   * Adds `{% cachesweeper %}` and `{% depends %}` to a Nunjucks environment. Doing it twice is harmless; a sweeper may
   * serve several environments.
   *
   * @throws CacheSweeperError CACHESWEEPER_INSTALL
   */
  install<E extends NunjucksEnvironment>(env: E): E {
    install(env, {
      owner: this,
      settings: this.#settings,
      fragments: this.#fragments,
      keys: this.#keys,
      running: this.#running,
      finished: (report) => this.#finished(report),
    });
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
    const names = new Map<string, string | undefined>();
    for (const model of Array.isArray(models) ? models : [models]) {
      const identity = this.#identifier.identity(model);
      const recorded =
        using === undefined ? undefined : digest(canonicalList([using, usingValue(model, using)], 'using'), 11);
      if (recorded !== undefined && tokenRecord(this.#tokens.get(ownName(identity))) === recorded) continue;
      this.#addSwept(names, model, identity, recorded);
    }
    const now = this.#settings.now();
    for (const [name, recorded] of names) this.#tokens.set(name, mintToken(now, recorded));
  };

  /** Makes everything fresh from the next render on. */
  readonly invalidateAll = async (): Promise<void> => {
    this.#checkOpen();
    this.#tokens.set(EVERYTHING, mintToken(this.#settings.now()));
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
      const renders = rendersOf(env, this);
      const settle = (error: unknown, html?: string) => (error ? reject(error) : resolve(html ?? ''));
      const getTemplate = env.getTemplate as (
        name: string,
        done: (error: unknown, template?: Template) => void,
      ) => void;
      getTemplate.call(env, name, (error, template) => {
        if (error || template === undefined) reject(error);
        else renders.render(template, context, settle, since);
      });
    });
  }

  /** Resolved when no work goes on in the background. Without a store there is none. */
  async idle(): Promise<void> {}

  /** What was cached, how often that helped, and what it saved. */
  stats(): CacheSweeperStats {
    return {
      memory: { entries: this.#memory?.size ?? 0, bytes: this.#memory?.bytes ?? 0 },
      tokens: this.#tokens.size,
      renders: this.#renders,
      tags: this.#stats.tags(),
    };
  }

  /** Lets go of everything. Pages can still be rendered; invalidating then throws CACHESWEEPER_CLOSED. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#memory?.clear();
  }

  #checkOpen(): void {
    if (this.#closed)
      throw new CacheSweeperError('CACHESWEEPER_CLOSED', 'this sweeper was closed: nothing can be invalidated');
  }

  /** The names a change of this model sweeps, and those of what it touches, each once. */
  #addSwept(
    names: Map<string, string | undefined>,
    model: unknown,
    identity: Identity,
    recorded: string | undefined,
  ): void {
    const queue: { model: unknown; identity: Identity; recorded: string | undefined }[] = [
      { model, identity, recorded },
    ];
    const seen = new Set<string>();
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      const own = ownName(at.identity);
      if (seen.has(own)) continue;
      seen.add(own);
      if (seen.size > MAX_TOUCHED) {
        throw new CacheSweeperError(
          'CACHESWEEPER_BAD_OPTION',
          `touches led from one model to more than ${MAX_TOUCHED} others: name a class instead of its rows`,
        );
      }
      for (const name of sweptNames(at.identity)) {
        if (!names.has(name) || name === own) names.set(name, name === own ? at.recorded : undefined);
      }
      // A class or the name of a type is no row that a function of rows could be asked about.
      if (at.identity.id === undefined) continue;
      const touches = this.#identifier.registration(at.identity.type)?.touches as
        | ((model: unknown) => unknown)
        | undefined;
      const touched = touches?.(at.model);
      if (touched === undefined || touched === null) continue;
      for (const other of Array.isArray(touched) ? touched : [touched]) {
        queue.push({ model: other, identity: this.#identifier.identity(other), recorded: undefined });
      }
    }
  }

  #finished(report: RenderReport): void {
    this.#renders++;
    this.#stats.add(report.fragments);
    if (renderChannel.hasSubscribers) renderChannel.publish(report);
    try {
      this.#settings.onRender?.(report);
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
