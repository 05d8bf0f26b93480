import { childNodes, HOLE } from '../../template/compile/syntax.ts';
import type { ExaminedFragment } from '../../template/examine.ts';
import type { Node } from '../../template/nunjucks.ts';
import type { Finding, Rule } from './rule.ts';

/** Finds fragments that cannot save anything. */
export const noUse: Rule = function* ({ fragments }): Iterable<Finding> {
  for (const fragment of fragments) {
    const message = uselessness(fragment);
    if (message !== undefined) yield { rule: 'no-use', at: fragment.written.at, message };
  }
};

function uselessness({ written, body }: ExaminedFragment): string | undefined {
  const when = written.args.keywords.get('when');
  if (when?.typename === 'Literal' && !when.value) {
    return `when=${String(when.value)}: the body is never cached; leave the tag or when= out`;
  }
  const parts = [...new Set(partsOf(body))];
  if (parts.includes('data')) return undefined;
  if (!parts.includes('hole')) {
    return 'the body is the same text on every page: looking it up takes longer than printing it; leave the tag out';
  }
  return parts.includes('text')
    ? 'apart from {% uncached %} the body is the same text on every page, and what is in {% uncached %} is rendered for each: nothing is saved; leave both tags out'
    : 'all of the body is in {% uncached %}, which is rendered for every page: nothing is cached; leave both tags out';
}

/** What a body is made of: text of the template, holes, and what has to be computed. */
function* partsOf(node: Node): Generator<'text' | 'hole' | 'data'> {
  if (HOLE in node) yield 'hole';
  else if (node.typename === 'TemplateData' || node.typename === 'Literal') {
    if (String(node.value).trim() !== '') yield 'text';
  } else if (node.typename === 'NodeList' || node.typename === 'Output') {
    for (const child of childNodes(node)) yield* partsOf(child);
  } else yield 'data';
}
