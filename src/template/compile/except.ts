import type { PrivateNames } from '../../reads/private-names.ts';
import type { Node, Token } from '../nunjucks.ts';
import { childNodes } from './syntax.ts';
import { failAt, positionOf, templateError } from './template-error.ts';

/** A name, then members: `.title`, `[*]` for each element of a list, `[0]`, `["a name"]`. */
const STEP = /^(?:(?:^|\.)([^\s.[\]()"']+)|\[(\*|\d+)\]|\[("(?:[^"\\]|\\.)*")\])/;

/** Returns the steps of a path in the form that reports use; undefined for anything else. */
function stepsOf(text: string): string[] | undefined {
  const steps: string[] = [];
  for (let rest = text; rest !== ''; ) {
    const [whole, name, element, quoted] = STEP.exec(steps.length === 0 ? rest : rest) ?? [];
    if (whole === undefined || (steps.length === 0 && name === undefined)) return undefined;
    if (steps.length > 0 && name !== undefined && !whole.startsWith('.')) return undefined;
    steps.push(name ?? element ?? JSON.parse(quoted as string));
    rest = rest.slice(whole.length);
  }
  return steps.length === 0 ? undefined : steps;
}

/**
 * Returns the paths of `except="now"` or `except=["now", "page.now"]`.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_TAG when one is no path; CACHESWEEPER_PRIVATE_NAME when it names private
 * values
 */
export function exceptPaths(node: Node | undefined, tag: Token, privateNames: PrivateNames): string[][] {
  if (node === undefined) return [];
  const parts = node.typename === 'Array' ? childNodes(node) : [node];
  return parts.map(({ typename, value }) => {
    const path = typename === 'Literal' && typeof value === 'string' ? stepsOf(value) : undefined;
    if (path === undefined) {
      const got = typename === 'Literal' ? JSON.stringify(value) : 'something that is computed';
      return failAt(
        tag,
        `except= expected a path of a variable as text, such as "now" or "page.now", or a list of such, got ${got}`,
      );
    }
    if (privateNames.privateLength(path) !== undefined || privateNames.mayHold(path)) {
      throw templateError(
        'CACHESWEEPER_PRIVATE_NAME',
        `except= names ${value}, which ${privateNames.mayHold(path) ? 'holds' : 'is'} the visitor's own: all visitors would ` +
          'get the html of the first; leave it out, or move what reads it out of the fragment',
        positionOf(tag),
      );
    }
    return path;
  });
}
