import type { Engine } from '../render/engine.ts';
import { factsTag } from './compile/facts-tag.ts';
import { HoleContents } from './compile/hole-blocks.ts';
import { DependsTag } from './depends-tag.ts';
import { FragmentTag } from './fragment-tag.ts';
import type { Environment, Extension } from './nunjucks.ts';
import { type NunjucksParts, TemplateEnvironment } from './run/environment.ts';
import { PAGE } from './run/page-environment.ts';
import { type NunjucksRender, Renders } from './run/renders.ts';
import { UncachedTag } from './uncached-tag.ts';

/**
 * Property of an environment that holds a function, which returns what the sweeper keeps for the environment.
 *
 * Some servers clone the environment, as hapi's vision does for each page. A clone of an object has lost its private
 * fields and its entries in a WeakMap, but what clones objects leaves functions as they are. The property is
 * enumerable, because some of them copy nothing else.
 */
const INSTALLED: unique symbol = Symbol.for('nunjucks-cachesweeper installed');

type InstalledEnvironment = Environment & { [INSTALLED]?: () => Installation };

/** The parts of Nunjucks that are needed to install. */
export interface Nunjucks extends NunjucksParts {
  /** The `render` of its templates, as Nunjucks wrote it. */
  readonly render: NunjucksRender;
}

/** What the sweeper keeps for one environment. */
export class Installation {
  readonly engine: Engine;
  readonly renders: Renders;
  readonly #env: Environment;
  readonly #environment: TemplateEnvironment;
  readonly #nunjucks: Nunjucks;

  private constructor(env: Environment, environment: TemplateEnvironment, engine: Engine, nunjucks: Nunjucks) {
    this.engine = engine;
    this.renders = new Renders(environment, engine, nunjucks.render);
    this.#env = env;
    this.#environment = environment;
    this.#nunjucks = nunjucks;
    // Writable, because a site may merge one environment into another, as vision does with options.
    Object.defineProperty(env, INSTALLED, { value: () => this, enumerable: true, configurable: true, writable: true });
  }

  /** Knows the environment's templates. */
  get environment(): TemplateEnvironment {
    return this.#environment;
  }

  /** @param name name of the environment; empty if it has none */
  static begin(env: Environment, engine: Engine, nunjucks: Nunjucks, name: string): Installation {
    const environment = new TemplateEnvironment(env, nunjucks, engine, name);
    const installation = new Installation(env, environment, engine, nunjucks);
    installation.#addTags();
    return installation;
  }

  /**
   * Returns what the sweeper keeps for an environment. A clone of an installed environment becomes one of its own here,
   * with the same sweeper, and so does one that derives from it: its loaders, globals and filters may differ from the
   * original's.
   */
  static of(env: Environment): Installation | undefined {
    const installed = (env as InstalledEnvironment)[INSTALLED]?.();
    // Another copy of this package may have installed its own class.
    if (!(installed instanceof Installation) || installed.#isFor(env)) return installed;
    return installed.#inClone(env);
  }

  /** Whether it is for this environment, or for one that it made for a page. */
  #isFor(env: Environment): boolean {
    return this.#env === env || PAGE in env;
  }

  #inClone(env: Environment): Installation {
    const environment = this.#environment.ofClone(env);
    const installation = new Installation(env, environment, this.engine, this.#nunjucks);
    installation.#addTags();
    return installation;
  }

  /**
   * Adds the tags to the environment, in place of those that it has as a copy of another one. It then gets lists of its
   * own, because a shallow copy has those of its original, which must stay as they are.
   */
  #addTags(): void {
    const env = this.#env;
    for (const [name, extension] of Object.entries(this.#tags())) {
      // Compare names: an environment into which another was merged has other objects in its list, and some twice.
      const first = env.extensionsList.find(({ __name }) => __name === name);
      if (first === undefined) {
        env.addExtension(name, extension);
        continue;
      }
      env.extensionsList = env.extensionsList.flatMap((one) => {
        if (one.__name !== name) return [one];
        return one === first ? [extension] : [];
      });
      env.extensions = { ...env.extensions, [name]: Object.assign(extension, { __name: name }) };
    }
  }

  #tags(): Record<string, Extension> {
    const { fragments, keys } = this.engine;
    const contents = new HoleContents();
    return {
      'nunjucks-cachesweeper': new FragmentTag(this.#environment, fragments),
      'nunjucks-cachesweeper-facts': factsTag(this.#env, this.#environment.analyst, contents),
      'nunjucks-cachesweeper-depends': new DependsTag(this.#environment, fragments, keys),
      'nunjucks-cachesweeper-uncached': new UncachedTag(this.#environment, contents),
    };
  }
}
