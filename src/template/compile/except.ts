import type { PrivateNames } from '../../reads/private-names.ts';
import type { Node } from '../nunjucks.ts';
import { childNodes } from './syntax.ts';
import { type Position, type Refuse, templateError } from './template-error.ts';

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

/** Returns the paths of `except="now"` or `except=["now", "page.now"]`, without those that are refused. */
export function exceptPaths(
  node: Node | undefined,
  tag: Position,
  privateNames: PrivateNames,
  refuse: Refuse,
): readonly (readonly string[])[] {
  if (node === undefined) return [];
  const parts = node.typename === 'Array' ? childNodes(node) : [node];
  return parts.flatMap(({ typename, value }) => {
    const path = typename === 'Literal' && typeof value === 'string' ? stepsOf(value) : undefined;
    if (path === undefined) {
      const got = typename === 'Literal' ? JSON.stringify(value) : 'something that is computed';
      refuse(
        templateError(
          'CACHESWEEPER_BAD_TAG',
          `except= expected a path of a variable as text, such as "now" or "page.now", or a list of such, got ${got}`,
          tag,
        ),
      );
      return [];
    }
    const holdsPrivate = privateNames.mayHold(path);
    if (privateNames.privateLength(path) === undefined && !holdsPrivate) return [path];
    refuse(
      templateError(
        'CACHESWEEPER_PRIVATE_NAME',
        `except= names ${value}, which ${holdsPrivate ? 'holds' : 'is'} the visitor's own: all visitors would ` +
          'get the html of the first; leave it out, or move what reads it out of the fragment',
        tag,
      ),
    );
    return [];
  });
}
