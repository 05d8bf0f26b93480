import { type BodyReading, covers, type Find, readBody } from './private-names.ts';
import { type Position, templateError } from './template-error.ts';
import type { Uses } from './uses.ts';

/** What is known of a tag when its template is compiled, and travels in the compiled code. */
export interface BakedSite extends Position, BodyFacts {
  readonly ordinal: number;
  /** Names the body gives values to. */
  readonly assigned: readonly string[];
  /** The paths of the tag's arguments. */
  readonly covered: readonly (readonly string[])[];
}

/** What is known of a body from its text and the templates it includes. */
export interface BodyFacts {
  /** Names it reads from outside; absent when a template chosen at run time may read anything. */
  readonly reads?: readonly string[];
  /** Private names that it may read of the page: arguments cover what it does with them. */
  readonly allowed: readonly string[];
  /** Those of the names it reads that are macros and imports of its own template. */
  readonly defined: readonly string[];
  /** What super() shows in it cannot be looked into. */
  readonly hasUnknownSuper: boolean;
}

/**
 * Checks what a body reads: when its template is compiled, as far as its includes can be had at once, and again for each
 * version of them when a page runs. What no text shows (a macro that was passed in) is watched while the body runs.
 *
 * @throws CacheSweeperError CACHESWEEPER_BLOCK_IN_BODY, CACHESWEEPER_CALLER_IN_BODY, CACHESWEEPER_PRIVATE_NAME
 */
export function checkBody(
  { uses, definitions }: { readonly uses: Uses; readonly definitions: ReadonlySet<string> },
  from: string | undefined,
  position: Position,
  privateNames: ReadonlySet<string>,
  covered: readonly (readonly string[])[],
  find: Find,
): BodyFacts {
  if (uses.block !== undefined) {
    throw templateError(
      'CACHESWEEPER_BLOCK_IN_BODY',
      'a fragment cannot contain a {% block %}: another template may replace it, and all pages would share the html ' +
        'of the first; put the fragment inside the block',
      uses.block,
    );
  }
  if (uses.caller !== undefined) {
    throw templateError(
      'CACHESWEEPER_CALLER_IN_BODY',
      'a fragment cannot contain caller(): every call would get the html of the first; put the fragment around the ' +
        '{% call %}, or inside what is passed in',
      uses.caller,
    );
  }
  const reading = readBody(uses, from, privateNames, covered, find);
  if (reading.leak !== undefined) throw leakError(reading.leak, position);
  if (reading.asynchronous !== undefined) throw asyncBody(reading.asynchronous, position);
  const whole = [...privateNames].filter((name) => covered.some((argument) => covers(argument, [name])));
  return {
    ...(reading.reads === undefined ? {} : { reads: [...reading.reads] }),
    allowed: [...new Set([...reading.coveredRoots, ...whole])],
    defined: [...definitions].filter((name) => reading.reads?.has(name)),
    hasUnknownSuper: reading.hasUnknownSuper,
  };
}

function asyncBody({ at, template }: NonNullable<BodyReading['asynchronous']>, position: Position): Error {
  const where = template === undefined ? '' : ` (in ${template}, line ${at.line})`;
  return templateError(
    'CACHESWEEPER_ASYNC_BODY',
    `the body of this fragment is asynchronous${where}: an asynchronous filter or tag, asyncEach or asyncAll cannot be ` +
      'waited for; do that part outside the fragment and pass its result in (for a loop write "for")',
    template === undefined ? at : position,
  );
}

function leakError({ use, template }: NonNullable<BodyReading['leak']>, position: Position): Error {
  const path = use.path.join('.');
  const name = use.path[0];
  const where = template === undefined ? '' : ` (in ${template}, which it includes, line ${use.at.line})`;
  return templateError(
    'CACHESWEEPER_PRIVATE_NAME',
    `the body of this fragment uses ${path}${where}, and no argument of its tag covers it: every visitor would get the ` +
      `html of the first; move it out of the fragment, add ${name}.id or ${path} to the arguments, or take "${name}" ` +
      'off the option private',
    template === undefined ? use.at : position,
  );
}
