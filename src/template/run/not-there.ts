import type { Hole } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';

/** Stands among the variables of a hole for one that the body binds. Looking it up is an error. */
export class NotThere {
  readonly #name: string;
  readonly #hole: Pick<Hole, 'sees'>;

  constructor(name: string, hole: Pick<Hole, 'sees'>) {
    this.#name = name;
    this.#hole = hole;
  }

  static is(value: unknown): value is NotThere {
    return typeof value === 'object' && value !== null && #name in value;
  }

  /** @throws CacheSweeperError CACHESWEEPER_HOLE: a value that was looked up is one of these */
  static refuse(value: unknown): void {
    if (NotThere.is(value)) value.#fail();
  }

  /** A function of the site gets it past the templates. */
  [Symbol.toPrimitive](): never {
    return this.#fail();
  }

  #fail(): never {
    throw notThere(this.#name, this.#hole);
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
