import { asMember, asPart, BY_COMPUTED_NAME, fromCall, fromFilter } from '../../reads/text-uses.ts';
import type { Node } from '../nunjucks.ts';
import { childNodes, descendants, isNode, scopeNames } from './syntax.ts';

/**
 * Returns what a template may use the text of, by how it gets it: `x` for a variable, `.x` for a member, and so on. Text
 * is used where a value is printed, compared or joined. It is not where the template only looks into the value, goes
 * over it, tests whether it is there, hands it on, or keeps it in another variable, whose own uses then count.
 */
export function textsIn(root: Node): readonly string[] {
  const texts = new Set<string>();
  walk(root, true, texts);
  for (const node of descendants(root)) {
    const names = node.typename === 'For' ? scopeNames(node) : [];
    if (names.length > 1) for (const [i, name] of names.entries()) if (texts.has(name)) texts.add(asPart(i));
  }
  return [...texts].sort();
}

/** @param isText whether the text of the node's value is used. In doubt it is. */
function walk(node: unknown, isText: boolean, texts: Set<string>): void {
  if (!isNode(node)) return;
  const one = (part: unknown, isTextOfPart: boolean): void => walk(part, isTextOfPart, texts);
  const all = (part: unknown, isTextOfPart: boolean): void => {
    if (isNode(part)) for (const child of childNodes(part)) one(child, isTextOfPart);
  };
  switch (node.typename) {
    case 'Symbol':
      if (isText) texts.add(String(node.value));
      return;
    case 'LookupVal': {
      const step = node.val as Node;
      if (isText) texts.add(step.typename === 'Literal' ? asMember(String(step.value)) : BY_COMPUTED_NAME);
      one(node.target, false);
      return one(step, true);
    }
    case 'Filter':
    case 'FilterAsync':
      if (isText) texts.add(fromFilter(String((node.name as Node).value)));
      return all(node.args, false);
    case 'FunCall':
      if (isText) texts.add(fromCall(nameOf(node.name as Node)));
      one(node.name, false);
      return all(node.args, false);
    case 'Is':
      one(node.left, false);
      return all((node.right as Node).args, false);
    case 'Group':
    case 'Array':
    case 'Or':
    case 'And':
      return all(node, isText);
    case 'Not':
    case 'Dict':
    case 'KeywordArgs':
      return all(node, false);
    case 'Pair':
      return one(node.value, isText);
    case 'InlineIf':
      one(node.cond, false);
      one(node.body, isText);
      return one(node.else_, isText);
    case 'If':
    case 'IfAsync':
      one(node.cond, false);
      one(node.body, true);
      return one(node.else_, true);
    case 'For':
    case 'AsyncEach':
    case 'AsyncAll':
      one(node.arr, false);
      one(node.body, true);
      return one(node.else_, true);
    case 'Set':
      one(node.value, false);
      return one(node.body, true);
    case 'Macro':
    case 'Caller':
      all(node.args, false);
      return one(node.body, true);
    case 'FromImport':
      // At the top of a template, a name by which an import is known is heard of as what the module calls it.
      for (const name of childNodes(node.names as Node)) one(name.typename === 'Pair' ? name.key : undefined, true);
      return one(node.template, true);
    case 'CallExtension':
    case 'CallExtensionAsync':
      all(node.args, false);
      for (const content of node.contentArgs as readonly unknown[]) one(content, true);
      return;
    default:
      return all(node, true);
  }
}

/** Returns the name of what is called, as Nunjucks' compiler writes it for what is a variable, or a member of one. */
function nameOf({ typename, value, target, val }: Node): string {
  if (typename === 'LookupVal') return `${nameOf(target as Node)}["${nameOf(val as Node)}"]`;
  return typename === 'Symbol' || typename === 'Literal' ? String(value) : '--expression--';
}
