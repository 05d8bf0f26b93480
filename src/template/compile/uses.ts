import type { Node } from '../nunjucks.ts';
import { LexicalScope } from './lexical-scope.ts';
import {
  boundNames,
  childNodes,
  DEFINITIONS,
  descendants,
  HOLE,
  isNode,
  pathOf,
  rootOf,
  scopeNames,
} from './syntax.ts';
import { type Position, positionOf } from './template-error.ts';

/** A name, with lookups, that a part of a template reads from outside of itself: user.name is ["user", "name"]. */
export interface NameUse {
  readonly path: readonly string[];
  readonly at: Position;
}

/** Another template whose names are read as if they were here. */
export interface TemplateUse {
  readonly template: string;
  /** The only block used, for super(); undefined for the whole template. */
  readonly block?: string;
  /** Names bound here, which the other template therefore does not read from outside. */
  readonly bound: readonly string[];
  /** Whether only its macros are used, so that it reads nothing of the page. */
  readonly isImported: boolean;
  readonly at: Position;
}

/** Uses of a part of a template. They are written into compiled code as JSON, which leaves out undefined fields. */
export interface Uses {
  readonly names: readonly NameUse[];
  /** Calls of methods that change something outside: `seen.push(id)`. */
  readonly changes: readonly NameUse[];
  readonly templates: readonly TemplateUse[];
  /** Whether super() is called where the parent is chosen at run time. */
  readonly hasUnknownSuper?: true;
  /** Position of something asynchronous: a filter, a tag, asyncEach or asyncAll. */
  readonly asynchronous?: Position;
  /** Position of a call of `caller()` that no macro inside provides. */
  readonly caller?: Position;
  /** Position of a `{% block %}`. */
  readonly block?: Position;
  /** Position of an `{% extends %}`. */
  readonly extends?: Position;
}

/** Uses while they are being collected. */
interface FoundUses extends Uses {
  readonly names: NameUse[];
  readonly changes: NameUse[];
  readonly templates: TemplateUse[];
  hasUnknownSuper?: true;
  asynchronous?: Position;
  caller?: Position;
  block?: Position;
  extends?: Position;
}

/**
 * Methods that change arrays, Maps or Sets. `add` and `set` are missing, because other objects have harmless methods of
 * these names; their changes are found at run time.
 */
const CHANGING: ReadonlySet<string> = new Set([
  ...['push', 'pop', 'shift', 'unshift', 'splice', 'sort', 'reverse', 'fill', 'copyWithin'],
  ...['delete', 'clear'],
]);

/** State of a walk over nodes. */
interface Walk {
  readonly scope: LexicalScope;
  readonly uses: FoundUses;
  /** The block around the current node, for super(). */
  readonly block: string | undefined;
  /** Macros already followed, so that recursion ends. */
  readonly followed: Set<string>;
  /** Whether what the holes in the part read counts. */
  readonly withHoles: boolean;
}

const ASYNCHRONOUS: ReadonlySet<string> = new Set(['AsyncEach', 'AsyncAll', 'CallExtensionAsync']);

/**
 * Finds what parts of one template read from outside of themselves. A name that is bound *inside* the part (by `for`,
 * `set`, a macro's parameter or an import) is not read from outside. Callers of a macro read whatever the macro reads.
 */
export class UsesFinder {
  readonly #macros = new Map<string, Node>();
  /** Imported names, each with its template and whether that is imported without the page's context. */
  readonly #imports = new Map<string, { readonly template: string; readonly isImported: boolean }>();
  /** Names of macros and imports. A method of an imported module is a macro, so calling it changes nothing. */
  readonly #definitions = new Set<string>();
  readonly #asyncFilters: readonly string[];
  readonly #parent: string | undefined;

  constructor(root: Node, asyncFilters: readonly string[]) {
    this.#asyncFilters = asyncFilters;
    let parent: string | undefined;
    for (const node of descendants(root)) {
      if (DEFINITIONS.has(node.typename)) for (const name of boundNames(node)) this.#definitions.add(name);
      if (node.typename === 'Macro') this.#macros.set(String((node.name as Node).value), node);
      if (node.typename === 'Extends') parent = literalTemplate(node);
      if (node.typename === 'Import' || node.typename === 'FromImport') {
        const template = literalTemplate(node);
        const isImported = node.withContext !== true;
        if (template !== undefined)
          for (const name of boundNames(node)) this.#imports.set(name, { template, isImported });
      }
    }
    this.#parent = parent;
  }

  /** The template that this one extends, if named literally. */
  get parent(): string | undefined {
    return this.#parent;
  }

  of(piece: Node, block?: string): Uses {
    return this.#find(piece, block, new Set(), false);
  }

  /** Like {@link of}, but of a hole: leaves out what is read by the macros that it calls, and not what the holes in it read. */
  ofHole(content: Node): Uses {
    return this.#find(content, undefined, new Set(this.#macros.keys()), true);
  }

  #find(piece: Node, block: string | undefined, followed: Set<string>, withHoles: boolean): Uses {
    const uses: FoundUses = { names: [], changes: [], templates: [] };
    this.#walk(piece, { scope: new LexicalScope(), uses, block, followed, withHoles });
    return uses;
  }

  #walkAll(nodes: Iterable<unknown>, walk: Walk): void {
    for (const node of nodes) if (isNode(node)) this.#walk(node, walk);
  }

  /** Walks a node whose bindings end with it. */
  #walkInner(node: unknown, walk: Walk, names: Iterable<string> = []): void {
    if (isNode(node)) this.#walk(node, { ...walk, scope: walk.scope.inner(names) });
  }

  #walk(node: Node, walk: Walk): void {
    if (this.#isAsynchronous(node)) walk.uses.asynchronous ??= positionOf(node);
    switch (node.typename) {
      case 'Symbol':
        return this.#read(node, [String(node.value)], walk);
      case 'LookupVal':
        return this.#lookup(node, walk);
      case 'FunCall':
        return this.#call(node, walk);
      case 'Filter':
        return this.#walkAll([node.args], walk);
      case 'Is': {
        const test = node.right as Node;
        return this.#walkAll(test.typename === 'FunCall' ? [node.left, test.args] : [node.left], walk);
      }
      case 'Pair':
        return this.#walkAll([node.value], walk);
      case 'For':
      case 'AsyncEach':
      case 'AsyncAll':
        this.#walkAll([node.arr], walk);
        this.#walkInner(node.body, walk, [...scopeNames(node), 'loop']);
        return this.#walkInner(node.else_, walk);
      case 'If':
      case 'IfAsync':
        this.#walkAll([node.cond], walk);
        this.#walkInner(node.body, walk);
        return this.#walkInner(node.else_, walk);
      case 'Case':
        this.#walkAll([node.cond], walk);
        return this.#walkInner(node.body, walk);
      case 'Switch':
        this.#walkAll([node.expr, ...(node.cases as readonly unknown[])], walk);
        return this.#walkInner(node.default, walk);
      case 'Capture':
        return this.#walkInner(node.body, walk);
      case 'Set':
        this.#walkAll([node.value, node.body], walk);
        return this.#bind(node, walk);
      case 'Macro':
        this.#bind(node, walk);
        return this.#macro(node, walk);
      case 'Caller':
        return this.#macro(node, walk);
      case 'Block':
        walk.uses.block ??= positionOf(node);
        return this.#walkInner(node.body, { ...walk, block: String((node.name as Node).value) });
      case 'Import':
      case 'FromImport':
      case 'Include':
        return this.#template(node, walk);
      case 'Extends':
        walk.uses.extends ??= positionOf(node);
        return this.#template(node, walk);
      case 'CallExtension':
      case 'CallExtensionAsync':
        this.#walkAll([node.args], walk);
        // What a hole reads is read anew for every page.
        if (HOLE in node && !walk.withHoles) return;
        for (const content of node.contentArgs as readonly unknown[])
          this.#walkInner(content, walk, HOLE in node ? (node.passed as readonly string[]) : []);
        return;
      default:
        return this.#walkAll(childNodes(node), walk);
    }
  }

  #isAsynchronous({ typename, name }: Node): boolean {
    if (typename === 'Filter') return this.#asyncFilters.includes(String((name as Node).value));
    return ASYNCHRONOUS.has(typename);
  }

  #bind(node: Node, walk: Walk): void {
    for (const name of boundNames(node)) walk.scope.bind(name);
  }

  #read(node: Node, path: readonly string[], walk: Walk): void {
    const name = path[0] as string;
    if (walk.scope.has(name)) return;
    if (name === 'caller') walk.uses.caller ??= positionOf(node);
    walk.uses.names.push({ path, at: positionOf(node) });
    const macro = this.#macros.get(name);
    if (macro !== undefined && !walk.followed.has(name)) {
      walk.followed.add(name);
      this.#macro(macro, { ...walk, scope: new LexicalScope(), block: undefined });
    }
    const imported = this.#imports.get(name);
    if (imported !== undefined) {
      walk.uses.templates.push({ ...imported, bound: [], at: positionOf(node) });
    }
  }

  #lookup(node: Node, walk: Walk): void {
    const found = pathOf(node);
    if (found === undefined) return this.#walkAll([node.target, node.val], walk);
    this.#read(node, found.path, walk);
    return this.#walkSteps(node, walk);
  }

  /** Walks the computed lookups of a chain. */
  #walkSteps(node: unknown, walk: Walk): void {
    if (!isNode(node)) return;
    if (node.typename === 'Group') return this.#walkSteps(childNodes(node)[0], walk);
    if (node.typename !== 'LookupVal') return;
    this.#walkAll([node.val], walk);
    this.#walkSteps(node.target, walk);
  }

  #call(node: Node, walk: Walk): void {
    const callee = node.name as Node;
    if (callee.typename === 'Symbol' && callee.value === 'super' && walk.block !== undefined) {
      if (this.#parent === undefined) {
        walk.uses.hasUnknownSuper = true;
      } else {
        const bound = walk.scope.all();
        const use = { template: this.#parent, block: walk.block, bound, isImported: false };
        walk.uses.templates.push({ ...use, at: positionOf(node) });
      }
    } else {
      this.#change(callee, walk);
      this.#walk(callee, walk);
    }
    this.#walkAll([node.args], walk);
  }

  /**
   * Notes a call of a method that changes its object, unless the object was made inside: `items.slice().sort()` sorts a
   * copy.
   */
  #change(callee: Node, walk: Walk): void {
    const method = callee.typename === 'LookupVal' ? (callee.val as Node).value : undefined;
    if (typeof method !== 'string' || !CHANGING.has(method)) return;
    const root = rootOf(callee);
    if (root === undefined || walk.scope.has(root) || this.#definitions.has(root)) return;
    const found = pathOf(callee);
    const path = found?.exact ? found.path : [root, method];
    walk.uses.changes.push({ path, at: positionOf(callee) });
  }

  #macro(node: Node, walk: Walk): void {
    for (const parameter of childNodes(node.args as Node)) {
      // Default values are evaluated where the macro is defined.
      if (parameter.typename !== 'Symbol') this.#walk(parameter, walk);
    }
    this.#walkInner(node.body, walk, [...scopeNames(node), 'caller']);
  }

  #template(node: Node, walk: Walk): void {
    const template = literalTemplate(node);
    // An import without context reads nothing of the page.
    const isImported = node.typename !== 'Include' && node.typename !== 'Extends' && node.withContext !== true;
    if (template === undefined) {
      this.#walkAll([node.template], walk);
    } else {
      const use = { template, bound: walk.scope.all(), isImported };
      walk.uses.templates.push({ ...use, at: positionOf(node) });
    }
    this.#bind(node, walk);
  }
}

/** Returns the name of the template if it is a literal; undefined if it is computed. */
export function literalTemplate(node: Node): string | undefined {
  const template = node.template as Node;
  return template.typename === 'Literal' && typeof template.value === 'string' ? template.value : undefined;
}
