import type { Hole } from '../../cache/hole.ts';
import { CacheSweeperError } from '../../errors.ts';

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
