import type { CacheSweeperError } from '../../errors.ts';
import type { PrivateNames } from '../../reads/private-names.ts';
import { type Find, type Placed, readBody } from './body-uses.ts';
import { type Allowed, isCovered } from './covered.ts';
import { type Position, type Refuse, templateError } from './template-error.ts';
import type { NameUse, Uses } from './uses.ts';

/** Facts about a tag site that are found when its template is compiled and written into the compiled code. */
export interface BakedTagSite extends Position, BodyFacts, Allowed {
  readonly ordinal: number;
  /** Names that the body sets. */
  readonly assigned: readonly string[];
  /** Those of them that may be read after the body; `*` for all. */
  readonly readBehind: readonly string[] | '*';
  /** Names of the macros and imports in the body. */
  readonly defined: readonly string[];
  /** Names in the body that are JavaScript variables around the tag. `run` gets their values in this order. */
  readonly handed: readonly string[];
  /** Those of them that only holes mention, so that the fragment does not read them. */
  readonly handedToHoles: readonly string[];
  /**
   * Indexes of keys that name a private value. Such a value must be present, or the key would not tell visitors apart.
   */
  readonly privateArguments: readonly number[];
  /** Paths that `except=` excludes from comparison. */
  readonly except: readonly (readonly string[])[];
}

/** Facts about a body, from its text and the templates it includes. */
export interface BodyFacts {
  /** Whether super() in it shows something that cannot be followed. */
  readonly hasUnknownSuper: boolean;
}

/** The rules that a body must follow. */
export interface Rules {
  readonly privateNames: PrivateNames;
  /**
   * Whether a name is a global of the environment other than a list, Map or Set. Its method `push`, say, need not
   * change it.
   */
  isHelper(name: string): boolean;
  readonly find: Find;
}

/**
 * Checks a body. Called when its template is compiled, as far as included templates can be loaded synchronously, and at
 * run time for each version of them.
 *
 * @param refuse gets CACHESWEEPER_BLOCK_IN_BODY, CACHESWEEPER_CALLER_IN_BODY, CACHESWEEPER_PRIVATE_NAME,
 * CACHESWEEPER_UNSEEN, CACHESWEEPER_ASYNC_BODY
 */
export function checkBody(
  uses: Uses,
  from: string | undefined,
  position: Position,
  allowed: Allowed,
  { privateNames, isHelper, find }: Rules,
  refuse: Refuse,
): BodyFacts {
  if (uses.block !== undefined) {
    refuse(
      templateError(
        'CACHESWEEPER_BLOCK_IN_BODY',
        'a fragment cannot contain a {% block %}: another template may replace it, and all pages would share the html ' +
          'of the first; put the fragment inside the block',
        placed(uses.block, position),
      ),
    );
  }
  if (uses.extends !== undefined) {
    refuse(
      templateError(
        'CACHESWEEPER_BLOCK_IN_BODY',
        'a fragment cannot contain {% extends %}: a hit does not run it, so the page would lose its layout; put ' +
          '{% extends %} in front of the fragment, and the fragment inside a block',
        placed(uses.extends, position),
      ),
    );
  }
  if (uses.caller !== undefined) {
    refuse(
      templateError(
        'CACHESWEEPER_CALLER_IN_BODY',
        'a fragment cannot contain caller(): every call would get the html of the first; put the fragment around the ' +
          '{% call %}, or inside what is passed in',
        placed(uses.caller, position),
      ),
    );
  }
  const isLeak = (path: readonly string[]): boolean => {
    const length = privateNames.privateLength(path);
    return length !== undefined && !isCovered(path, length, allowed);
  };
  const reading = readBody(uses, from, isLeak, ([root]) => !isHelper(root as string), find);
  for (const leak of reading.leaks) refuse(leakError(leak, position, privateNames));
  for (const change of reading.changes) refuse(changeError(change, position));
  if (reading.asynchronous !== undefined) refuse(asyncError(reading.asynchronous, position));
  return { hasUnknownSuper: reading.hasUnknownSuper };
}

function asyncError({ use, template }: Placed<Position>, position: Position): CacheSweeperError {
  const where = template === undefined ? '' : ` (in ${template}${lineOf(use)})`;
  return templateError(
    'CACHESWEEPER_ASYNC_BODY',
    `the body of this fragment is asynchronous${where}: an asynchronous filter or tag, asyncEach or asyncAll cannot be ` +
      'waited for; do that part outside the fragment and pass its result in (for a loop write "for")',
    template === undefined ? placed(use, position) : position,
  );
}

function changeError({ use, template }: Placed<NameUse>, position: Position): CacheSweeperError {
  const call = `${use.path.join('.')}()`;
  return templateError(
    'CACHESWEEPER_UNSEEN',
    `the body of this fragment calls ${call}${included(use, template)}: expected a body that only reads what is outside ` +
      'of it, got one that changes it, which would happen on a miss and not on a hit; do that outside of the fragment, or ' +
      'on something that the body sets itself',
    template === undefined ? placed(use.at, position) : position,
  );
}

function leakError(
  { use, template }: Placed<NameUse>,
  position: Position,
  privateNames: PrivateNames,
): CacheSweeperError {
  const path = use.path.join('.');
  const found = privateNames.find(use.path);
  const value = use.path.slice(0, found?.length).join('.');
  return templateError(
    'CACHESWEEPER_PRIVATE_NAME',
    `the body of this fragment uses ${path}${included(use, template)}, and neither an argument nor when= of its tag ` +
      `names it: it is the visitor's own, so each visitor would need a fragment; move it out of the fragment, add ` +
      `${[...new Set([`${value}.id`, path])].join(' or ')} to the arguments, or take "${found?.pattern}" off the option private`,
    template === undefined ? placed(use.at, position) : position,
  );
}

function included({ at }: { readonly at: Position }, template: string | undefined): string {
  return template === undefined ? '' : ` (in ${template}, which it includes${lineOf(at)})`;
}

/** Returns the place of a node, or that of the tag: other extensions need not give their nodes a place. */
function placed(node: Position, tag: Position): Position {
  return node.line > 0 && node.column > 0 ? node : tag;
}

function lineOf({ line }: Position): string {
  return line > 0 ? `, line ${line}` : '';
}
