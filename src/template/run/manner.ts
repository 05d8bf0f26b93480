import { isDeepStrictEqual } from 'node:util';
import type { Functions } from '../../render/functions.ts';
import { digest } from '../../util/digest.ts';
import type { Environment, Runtime } from '../nunjucks.ts';
import type { NunjucksOwn } from './nunjucks-own.ts';
import { RuntimeText } from './runtime-text.ts';
import { sourceOf } from './source-of.ts';

const CHARACTERS = 16;

/**
 * Tells how an environment runs a template: all that changes what is printed, and is not recorded as a read. It is part of
 * each template digest.
 */
export class Manner {
  readonly #env: Environment;
  readonly #runtime: RuntimeText;
  readonly #functions: Functions;
  /** The name of the environment. */
  readonly #of: string;
  readonly #own: NunjucksOwn;
  /** That of the environment that this one is a clone of; itself, if it is none. */
  readonly #original: Manner;
  /** Extensions already looked up in the original environment. */
  readonly #originals = new WeakMap<object, object>();
  /** Text of an environment in which nothing was added or replaced. */
  #bare: string | undefined;

  /** @param of `name`: of the environment, if it has one; `original`: that of the environment that it is a clone of */
  constructor(
    env: Environment,
    runtime: Runtime,
    functions: Functions,
    of: { readonly name: string; readonly own: NunjucksOwn; readonly original: Manner | undefined },
  ) {
    this.#env = env;
    this.#runtime = new RuntimeText(runtime);
    this.#functions = functions;
    this.#of = of.name;
    this.#own = of.own;
    this.#original = of.original === undefined ? this : of.original.#original;
  }

  /**
   * The environment's name, the code of Nunjucks' runtime, the names of Nunjucks' own filters and tests that were replaced,
   * and other extensions.
   */
  get text(): string {
    // Every page asks for each of its templates. Most environments have no other extension, and nothing was replaced.
    if (this.#bare !== undefined && this.#runtime.isSame() && this.#isBare()) return this.#bare;
    const replaced = this.#own.replacedIn(this.#env);
    const others = Object.entries(this.#env.extensions).flatMap(([name, extension]) => {
      if (name.startsWith('nunjucks-cachesweeper')) return [];
      const text = `e${JSON.stringify([name])}${extensionText(extension)}`;
      const original = this.#originalOf(name, extension);
      const isOnly = this.#functions.isOnly(`${this.#of}\n${text}`, original);
      return [isOnly ? text : `${text}${this.#functions.mark(original)}`];
    });
    const manner = JSON.stringify([this.#of, this.#runtime.text, replaced, others]);
    if (replaced.length === 0 && this.#isBare()) this.#bare = manner;
    return manner;
  }

  /** Returns the extension of the original environment that an extension of a clone equals; without one, itself. */
  #originalOf(name: string, extension: object): object {
    if (this.#original === this) return extension;
    let original = this.#originals.get(extension);
    if (original === undefined) {
      const there = this.#original.#env.extensions[name];
      original = there !== undefined && isDeepStrictEqual(there, extension) ? there : extension;
      this.#originals.set(extension, original);
    }
    return original;
  }

  /** Whether all of Nunjucks' own filters and tests are in place, and no extension but ours is there. */
  #isBare(): boolean {
    for (const name in this.#env.extensions) if (!name.startsWith('nunjucks-cachesweeper')) return false;
    return this.#own.areIn(this.#env);
  }
}

const extensionTexts = new WeakMap<object, string>();

/** Returns a digest of an extension: the code of its methods, and its data. */
function extensionText(extension: object): string {
  let text = extensionTexts.get(extension);
  if (text === undefined) {
    text = '';
    for (let at: object | null = extension; at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
      for (const [name, { value }] of Object.entries(Object.getOwnPropertyDescriptors(at)))
        text += `${name}=${typeof value === 'function' ? sourceOf(value) : describe(value)}\n`;
    }
    text = digest(text, CHARACTERS);
    extensionTexts.set(extension, text);
  }
  return text;
}

/** Returns text for a value; for an object only its type, because it may be of any size. */
function describe(value: unknown): string {
  const isList = Array.isArray(value) && value.every((element) => typeof element === 'string');
  return isList ? value.join() : typeof value === 'object' ? typeof value : String(value);
}
