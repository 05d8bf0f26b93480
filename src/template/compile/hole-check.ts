import type { CacheSweeperErrorCode } from '../../errors.ts';
import type { HoleAnalysis } from './holes.ts';
import { type Refuse, templateError } from './template-error.ts';

const IMPOSSIBLE: Record<
  NonNullable<HoleAnalysis['impossible']>['what'],
  readonly [code: CacheSweeperErrorCode, message: string]
> = {
  async: [
    'CACHESWEEPER_ASYNC_BODY',
    'the content of {% uncached %} is asynchronous: an asynchronous filter or tag, ifAsync, asyncEach or asyncAll ' +
      'cannot be waited for; do that part outside of the fragment and pass its result in',
  ],
  block: [
    'CACHESWEEPER_BLOCK_IN_BODY',
    '{% uncached %} cannot contain a {% block %} or {% extends %}: put it inside the block',
  ],
  caller: [
    'CACHESWEEPER_CALLER_IN_BODY',
    '{% uncached %} cannot contain caller(): on a hit nobody calls the macro; put it inside what is passed in',
  ],
  super: ['CACHESWEEPER_BAD_TAG', '{% uncached %} cannot contain super(): put it inside the parent template’s block'],
};

/** Checks what a hole contains and reads. */
export function checkHole({ at: tag, boundInBody, impossible }: HoleAnalysis, refuse: Refuse): void {
  if (impossible !== undefined) {
    const [code, message] = IMPOSSIBLE[impossible.what];
    refuse(templateError(code, message, impossible.at.line > 0 ? impossible.at : tag));
  }
  if (boundInBody === undefined) return;
  const { name, at } = boundInBody;
  refuse(
    templateError(
      'CACHESWEEPER_HOLE',
      `{% uncached %} reads ${name}, which the body of the fragment around sets and which does not exist on a hit: pass ` +
        `what it needs, as plain data: {% uncached ${passing(name)} %}`,
      at,
    ),
  );
}

function passing(name: string): string {
  return name === 'loop' ? 'index=loop.index' : `${name}_id=${name}.id`;
}
