import { changes } from '../../util/watched.ts';
import type { Runtime } from '../nunjucks.ts';

/**
 * Tells the functions that Nunjucks returns for `object.method` from those that a runtime makes up. Nunjucks wraps each
 * method in a function of always the same source; `nunjucks.installJinjaCompat()` binds functions of its own, such as
 * `append` for a list.
 */
export class MethodWrappers {
  readonly #runtime: Runtime;
  #memberLookup: Runtime['memberLookup'] | undefined;
  #source = '';

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  includes(value: object): boolean {
    const { memberLookup } = this.#runtime;
    if (memberLookup !== this.#memberLookup) {
      this.#memberLookup = memberLookup;
      this.#source = sourceOf(memberLookup.call(this.#runtime, { method() {} }, 'method') as object);
    }
    return sourceOf(value) === this.#source;
  }
}

function sourceOf(called: object): string {
  return Function.prototype.toString.call(called);
}

/** Returns a stand-in for an object, which reports changes of the object and makes them. */
export function reportingChanges<T extends object>(object: T, changed: () => void): T {
  return new Proxy(object, {
    // Without the stand-in as the receiver, a setter or getter of the object works on the object itself.
    get: (target, key) => Reflect.get(target, key),
    ...changes(() => changed()),
  });
}
