import type { Node, Token } from './nunjucks.ts';
import type { PrivateNames } from './private-names.ts';
import { childNodes } from './syntax.ts';
import { failAt, positionOf, templateError } from './template-error.ts';

const PATH = /^[^\s.[\]()"']+(\.[^\s.[\]()"']+)*$/;

/**
 * The paths that `except="now"` or `except=["now", "page.now"]` names.
 *
 * @throws CacheSweeperError CACHESWEEPER_BAD_TAG, CACHESWEEPER_PRIVATE_NAME
 */
export function exceptPaths(node: Node | undefined, tag: Token, privateNames: PrivateNames): string[][] {
  if (node === undefined) return [];
  const parts = node.typename === 'Array' ? childNodes(node) : [node];
  return parts.map(({ typename, value }) => {
    if (typename !== 'Literal' || typeof value !== 'string' || !PATH.test(value)) {
      const got = typename === 'Literal' ? JSON.stringify(value) : 'something that is computed';
      return failAt(
        tag,
        `except= expected a path of a variable as text, such as "now" or "page.now", or a list of such, got ${got}`,
      );
    }
    const path = value.split('.');
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
