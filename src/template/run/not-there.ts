import type { Hole } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';

/** Puts the private fields of its subclass on the object that it is given. */
class On {
  constructor(object: object) {
    // biome-ignore lint/correctness/noConstructorReturn: that is how a proxy gets private fields
    return object;
  }
}

/**
 * Stands among the variables of a hole for one that the body binds. Looking it up is an error, and so is whatever a function
 * of the site does with it that has not looked it up through a template.
 */
export class NotThere extends On {
  readonly #error: () => CacheSweeperError;

  constructor(name: string, hole: Pick<Hole, 'sees'>) {
    const error = () => notThere(name, hole);
    const fail = (): never => {
      throw error();
    };
    super(new Proxy({}, { get: fail, has: fail, ownKeys: fail, getOwnPropertyDescriptor: fail, getPrototypeOf: fail }));
    this.#error = error;
  }

  static is(value: unknown): value is NotThere {
    return typeof value === 'object' && value !== null && #error in value;
  }

  /** @throws CacheSweeperError CACHESWEEPER_HOLE: a value that was looked up is one of these */
  static refuse(value: unknown): void {
    if (NotThere.is(value)) throw value.#error();
  }
}

/** Makes the error of a hole that reads a name which the body binds. */
export function notThere(name: string, { sees }: Pick<Hole, 'sees'>): CacheSweeperError {
  const remedy =
    sees === 'nothing'
      ? `import its macro "with context", or pass what it needs: {% uncached ${name}=${name} %}`
      : `pass what it needs, as plain data: {% uncached ${name}_id=${name}.id %}`;
  return new CacheSweeperError(
    'CACHESWEEPER_HOLE',
    `{% uncached %} reads ${name}, which is another value where it will be filled on a hit, at the tag of the fragment ` +
      `around: the body sets it, or a template that the body uses; ${remedy}`,
  );
}
