import type { TemplateHost } from './host.ts';
import { covers, readBody } from './private-names.ts';
import { type Position, templateError } from './template-error.ts';
import type { TemplateUse, Uses } from './uses.ts';

/** What is known of a tag when its template is compiled, and travels in the compiled code. */
export interface BakedSite extends Position {
  readonly ordinal: number;
  /** Names the body gives values to. */
  readonly assigned: readonly string[];
  /** Names the body reads from outside; absent when a template chosen at run time may read anything. */
  readonly reads?: readonly string[];
  /** Templates the body includes that could not be looked into yet. */
  readonly unchecked?: readonly TemplateUse[];
  /** The arguments that cover private names, where that is still to be asked. */
  readonly covered?: readonly (readonly string[])[];
}

/**
 * Checks what a body reads, when its template is compiled.
 *
 * @throws CacheSweeperError CACHESWEEPER_BLOCK_IN_BODY, CACHESWEEPER_CALLER_IN_BODY, CACHESWEEPER_PRIVATE_NAME
 */
export function checkSite(
  host: TemplateHost,
  uses: Uses,
  position: Position,
  covered: readonly (readonly string[])[],
): Pick<BakedSite, 'reads' | 'unchecked' | 'covered'> {
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
  const from = host.compilingPath();
  const reading = readBody(uses, from, isLeak(host, covered), (name, at) => host.find(name, at));
  if (reading.leak !== undefined) throw leakError(reading.leak, position);
  return {
    ...(reading.reads === undefined ? { covered } : { reads: [...reading.reads] }),
    ...(reading.unknown.length === 0 ? {} : { unchecked: reading.unknown }),
  };
}

/**
 * Checks, when a page runs, the templates that could not be looked into when the tag was compiled: its loader needed
 * time, or it was precompiled.
 *
 * @throws CacheSweeperError CACHESWEEPER_PRIVATE_NAME
 */
export function checkRest(
  host: TemplateHost,
  templates: readonly TemplateUse[],
  covered: readonly (readonly string[])[],
  from: string | undefined,
  position: Position,
  find: Parameters<typeof readBody>[3],
): void {
  const reading = readBody({ names: [], templates: [...templates], dynamic: false }, from, isLeak(host, covered), find);
  if (reading.leak !== undefined) throw leakError(reading.leak, position);
}

/** Whether a path is private and no argument covers it. */
export function isLeak(
  host: TemplateHost,
  covered: readonly (readonly string[])[],
): (path: readonly string[]) => boolean {
  return (path) => host.privateNames.has(path[0] as string) && !covered.some((argument) => covers(argument, path));
}

function leakError({ use, template }: NonNullable<ReturnType<typeof readBody>['leak']>, position: Position): Error {
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
