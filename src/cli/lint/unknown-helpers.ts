import { descendants } from '../../template/compile/syntax.ts';
import { positionOf } from '../../template/compile/template-error.ts';
import type { Node } from '../../template/nunjucks.ts';
import type { Finding, Rule } from './rule.ts';

/** Finds filters and tests that the environment does not have: Nunjucks notices when the page is rendered. */
export const unknownHelpers: Rule = function* ({ root }, { env, isOwn }): Iterable<Finding> {
  if (!isOwn) return;
  for (const node of descendants(root)) {
    if (node.typename === 'Filter') {
      const name = String((node.name as Node).value);
      if (!(name in env.filters)) {
        const message = `the environment has no filter ${name}: rendering fails here; add it (addFilter), or correct the name`;
        yield { rule: 'unknown-filter', at: positionOf(node), message };
      }
    } else if (node.typename === 'Is') {
      const name = testName(node.right as Node);
      if (!(name in env.tests)) {
        const message = `the environment has no test ${name}: rendering fails here; add it (addTest), or correct the name`;
        yield { rule: 'unknown-test', at: positionOf(node.right as Node), message };
      }
    }
  }
};

/** Returns the name as Nunjucks' compiler writes it: of `is none` that is "null". */
function testName({ name, value }: Node): string {
  return String(name === undefined ? value : (name as Node).value);
}
