import type { Engine } from '../render/engine.ts';
import { factsTag } from './compile/facts-tag.ts';
import { DependsTag } from './depends-tag.ts';
import { FragmentTag } from './fragment-tag.ts';
import type { Environment, Extension } from './nunjucks.ts';
import { type NunjucksParts, TemplateEnvironment } from './run/environment.ts';
import { type NunjucksRender, Renders } from './run/renders.ts';

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
    Object.defineProperty(env, INSTALLED, { value: () => this, enumerable: true, configurable: true });
  }

  /** @param name name of the environment; empty if it has none */
  static begin(env: Environment, engine: Engine, nunjucks: Nunjucks, name: string): Installation {
    const environment = new TemplateEnvironment(env, nunjucks, engine, name);
    const installation = new Installation(env, environment, engine, nunjucks);
    for (const [tag, extension] of Object.entries(installation.#tags())) env.addExtension(tag, extension);
    return installation;
  }

  /**
   * Returns what the sweeper keeps for an environment. A clone of an installed environment becomes one of its own here,
   * with the same sweeper: its globals and filters may differ from the original's.
   */
  static of(env: Environment): Installation | undefined {
    const installed = (env as InstalledEnvironment)[INSTALLED]?.();
    // Another copy of this package may have installed its own class.
    if (!(installed instanceof Installation) || installed.#isFor(env)) return installed;
    return installed.#inClone(env);
  }

  /** Whether it is for this environment, or for one that this one derives from, as a page's does. */
  #isFor(env: Environment): boolean {
    return this.#env === env || Object.prototype.isPrototypeOf.call(this.#env, env);
  }

  #inClone(env: Environment): Installation {
    const environment = this.#environment.ofClone(env);
    const installation = new Installation(env, environment, this.engine, this.#nunjucks);
    for (const [name, extension] of Object.entries(installation.#tags())) {
      const cloned = env.extensions[name];
      // A shallow clone has the lists of its original, which must stay as they are.
      env.extensionsList = env.extensionsList.map((one) => (one === cloned ? extension : one));
      env.extensions = { ...env.extensions, [name]: Object.assign(extension, { __name: name }) };
    }
    return installation;
  }

  #tags(): Record<string, Extension> {
    const { fragments, keys } = this.engine;
    return {
      'nunjucks-cachesweeper': new FragmentTag(this.#environment, fragments),
      'nunjucks-cachesweeper-facts': factsTag(this.#env, this.#environment.analyst),
      'nunjucks-cachesweeper-depends': new DependsTag(this.#environment, fragments, keys),
    };
  }
}
