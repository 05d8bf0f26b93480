import { digest } from '../../util/digest.ts';
import type { Runtime } from '../nunjucks.ts';

const CHARACTERS = 16;

/**
 * A digest of the code of Nunjucks' runtime. `installJinjaCompat` replaces functions of it, after which the same
 * template may print something else.
 */
export class RuntimeText {
  readonly #runtime: Readonly<Record<string, unknown>>;
  readonly #names: readonly string[];
  #functions: readonly unknown[] = [];
  #text = '';

  constructor(runtime: Runtime) {
    this.#runtime = runtime as object as Readonly<Record<string, unknown>>;
    this.#names = Object.keys(runtime).sort();
  }

  isSame(): boolean {
    const functions = this.#functions;
    for (let i = 0; i < this.#names.length; i++)
      if (this.#runtime[this.#names[i] as string] !== functions[i]) return false;
    return functions.length > 0;
  }

  get text(): string {
    if (!this.isSame()) {
      this.#functions = this.#names.map((name) => this.#runtime[name]);
      const sources = this.#functions.map((called) =>
        typeof called === 'function' ? Function.prototype.toString.call(called) : '',
      );
      this.#text = digest(sources.join('\n'), CHARACTERS);
    }
    return this.#text;
  }
}
