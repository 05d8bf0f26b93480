import type { Node } from './nunjucks.ts';
import { boundNames, childNodes, descendants, isNode, scopeNames } from './syntax.ts';

/** Html that was captured: what a block set, a macro, an import, `caller()` or `super()` gives. No name is written so. */
export const CAPTURED = '(captured)';
/** What any function or filter returned. */
export const RETURNED = '(returned)';
/** What is passed to a macro may be known as any macro's parameter, in whatever template. */
export const PARAMETERS = '(parameters)';

/** What Nunjucks calls the variables of a loop over pairs; in its code their names are lost. */
export const NAMELESS = '[object Object]';

/** What a macro of this name returns, to templates that only find it in their scope. */
export const calling = (name: string): string => `${name}()`;

/** What an import of this name exports, to templates that only find it in their scope. */
export const exported = (name: string): string => `(import ${name})`;

/** Whether it is a variable's name, and none of the above. */
export const isName = (node: string): boolean => !node.includes('(');

/** A value made from what has one of the names may get to each of the others. */
export interface Flow {
  readonly from: Iterable<string>;
  readonly to: Iterable<string>;
}

/** How one template passes values around. */
export interface Flows {
  readonly moves: readonly Flow[];
  /** Values that are passed to a method: its object may keep them. */
  readonly keeps: readonly Flow[];
  /** Names of its imports: they may export what was captured. */
  readonly imports: Iterable<string>;
}

const DEFINITIONS: ReadonlySet<string> = new Set(['Macro', 'Import', 'FromImport']);
const IMPORTS: ReadonlySet<string> = new Set(['Import', 'FromImport']);
const MACROS: ReadonlySet<string> = new Set(['Macro', 'Caller']);
const LOOPS: ReadonlySet<string> = new Set(['For', 'AsyncEach', 'AsyncAll']);
const GIVING_HTML: ReadonlySet<string> = new Set(['caller', 'super']);

/** Of a template's tree. */
export function findFlows(root: Node): Flows {
  const nodes = [...descendants(root)];
  const definitions = new Set(nodes.filter(({ typename }) => DEFINITIONS.has(typename)).flatMap(boundNames));
  const mentioned = (value: unknown) => mentions(value, definitions);
  const imports = nodes.filter(({ typename }) => IMPORTS.has(typename)).flatMap(boundNames);
  const moves: Flow[] = [{ from: [CAPTURED], to: [...[...definitions].map(calling), ...imports.map(exported)] }];
  const keeps: Flow[] = [];
  for (const node of nodes) {
    if (node.typename === 'Set') {
      moves.push({ from: isNode(node.body) ? [CAPTURED] : mentioned(node.value), to: boundNames(node) });
    } else if (LOOPS.has(node.typename)) {
      moves.push({ from: mentioned(node.arr), to: scopeNames(node) });
    } else if (MACROS.has(node.typename)) {
      moves.push({ from: [PARAMETERS], to: scopeNames(node) }, { from: defaults(node, mentioned), to: [PARAMETERS] });
    } else if (node.typename === 'FunCall') {
      const passed = mentioned(node.args);
      moves.push({ from: passed, to: [PARAMETERS] });
      keeps.push({ from: passed, to: receivers(node.name, definitions) });
    }
  }
  return { moves, keeps, imports };
}

/** All that the value of an expression may be made from. */
function mentions(value: unknown, definitions: ReadonlySet<string>): ReadonlySet<string> {
  const found = new Set<string>();
  const visit = (node: unknown, isCalled: boolean, isLookedInto: boolean): void => {
    if (!isNode(node)) return;
    // The content of a call block is rendered where caller() is called, not passed as a value.
    if (node.typename === 'Caller') return;
    if (node.typename === 'Symbol') {
      const name = String(node.value);
      for (const one of asMentioned(name, isCalled || !isLookedInto)) found.add(one);
      if (definitions.has(name) || GIVING_HTML.has(name)) found.add(CAPTURED);
    } else if (node.typename === 'FunCall') {
      found.add(RETURNED);
      visit(node.name, true, false);
      visit(node.args, false, false);
    } else if (node.typename === 'Filter') {
      found.add(RETURNED);
      visit(node.args, false, false);
    } else if (node.typename === 'LookupVal') {
      visit(node.target, isCalled, true);
      visit(node.val, false, false);
    } else if (node.typename === 'Pair') visit(node.value, false, false);
    else for (const child of childNodes(node)) visit(child, isCalled, false);
  };
  visit(value, false, false);
  return found;
}

/** What a name may stand for. A macro has nothing to look up in it, and is called or passed on. */
export function asMentioned(name: string, mayBeMacro: boolean): readonly string[] {
  return mayBeMacro ? [name, exported(name), calling(name)] : [name, exported(name)];
}

/** The variables whose method is called; a module's are macros. */
function receivers(callee: unknown, definitions: ReadonlySet<string>): readonly string[] {
  if (!isNode(callee) || callee.typename === 'Symbol') return [];
  const found: string[] = [];
  const visit = (node: Node): void => {
    if (node.typename === 'Symbol') found.push(String(node.value));
    for (const child of childNodes(node)) visit(child);
  };
  visit(callee);
  return found.some((name) => definitions.has(name)) ? [] : found;
}

/** What parameters are that are not passed. */
function defaults(macro: Node, mentioned: (value: unknown) => ReadonlySet<string>): string[] {
  const pairs = [...descendants(macro.args as Node)].filter(({ typename }) => typename === 'Pair');
  return pairs.flatMap(({ value }) => [...mentioned(value)]);
}
