import type { Node } from './nunjucks.ts';
import { boundNames, childNodes, descendants, isNode, pathOf, scopeNames } from './syntax.ts';
import { type Position, positionOf } from './template-error.ts';

/** A name that a piece of template reads from outside itself, with its lookups: user.name is ["user", "name"]. */
export interface NameUse {
  readonly path: readonly string[];
  readonly at: Position;
}

/** Another template whose names are read as if they stood here. */
export interface TemplateUse {
  readonly template: string;
  /** Only this block of it (super()); undefined for the whole. */
  readonly block: string | undefined;
  /** Names that are bound here and so are not free in there. */
  readonly bound: readonly string[];
  readonly at: Position;
}

/** What a piece of template reads. */
export interface Uses {
  readonly names: NameUse[];
  readonly templates: TemplateUse[];
  /** A template is chosen at run time in there: what it reads is not known here. */
  dynamic: boolean;
  /** super() is called where the parent is chosen at run time. */
  hasUnknownSuper: boolean;
  /** Where `caller()` is called although no macro in there provides it. */
  caller: Position | undefined;
  /** Where a `{% block %}` stands. */
  block: Position | undefined;
}

export function noUses(): Uses {
  return { names: [], templates: [], dynamic: false, hasUnknownSuper: false, caller: undefined, block: undefined };
}

/** The names bound at a place, innermost scope first. */
export class Scope {
  readonly #names: Set<string>;
  readonly #outer: Scope | undefined;

  constructor(names: Iterable<string> = [], outer?: Scope) {
    this.#names = new Set(names);
    this.#outer = outer;
  }

  has(name: string): boolean {
    return this.#names.has(name) || (this.#outer?.has(name) ?? false);
  }

  bind(name: string): void {
    this.#names.add(name);
  }

  inner(names: Iterable<string> = []): Scope {
    return new Scope(names, this);
  }

  all(): string[] {
    return [...this.#names, ...(this.#outer?.all() ?? [])];
  }
}

/** Where a walk is and what it has found. */
interface Walk {
  readonly scope: Scope;
  readonly uses: Uses;
  /** The block around the place, for super(). */
  readonly block: string | undefined;
  /** Macros already followed, so that one that calls itself ends. */
  readonly followed: Set<string>;
}

/**
 * Finds what pieces of one template read from outside themselves. A name bound by `for`, `set`, a macro's parameters or
 * an import *inside* the piece is not read from outside; whatever a macro of this template reads, its callers read.
 */
export class UsesFinder {
  readonly #macros = new Map<string, Node>();
  /** Names of imports that see the page's context, and the template each comes from. */
  readonly #contextual = new Map<string, string>();
  readonly #parent: string | undefined;

  constructor(root: Node) {
    let parent: string | undefined;
    for (const node of descendants(root)) {
      if (node.typename === 'Macro') this.#macros.set(String((node.name as Node).value), node);
      if (node.typename === 'Extends') parent = literalTemplate(node);
      if ((node.typename === 'Import' || node.typename === 'FromImport') && node.withContext) {
        const template = literalTemplate(node);
        if (template !== undefined) for (const name of boundNames(node)) this.#contextual.set(name, template);
      }
    }
    this.#parent = parent;
  }

  /** The name of the template this one extends, where that is written in it. */
  get parent(): string | undefined {
    return this.#parent;
  }

  of(piece: Node, block?: string): Uses {
    const uses = noUses();
    this.#walk(piece, { scope: new Scope(), uses, block, followed: new Set() });
    return uses;
  }

  #walkAll(nodes: Iterable<unknown>, walk: Walk): void {
    for (const node of nodes) if (isNode(node)) this.#walk(node, walk);
  }

  /** Walks something whose bindings end with it. */
  #walkInner(node: unknown, walk: Walk, names: Iterable<string> = []): void {
    if (isNode(node)) this.#walk(node, { ...walk, scope: walk.scope.inner(names) });
  }

  #walk(node: Node, walk: Walk): void {
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
      case 'Extends':
        return this.#template(node, walk);
      case 'CallExtension':
      case 'CallExtensionAsync':
        this.#walkAll([node.args], walk);
        for (const content of node.contentArgs as readonly unknown[]) this.#walkInner(content, walk);
        return;
      default:
        return this.#walkAll(childNodes(node), walk);
    }
  }

  #bind(node: Node, walk: Walk): void {
    for (const name of boundNames(node)) walk.scope.bind(name);
  }

  #read(node: Node, path: readonly string[], walk: Walk): void {
    const name = path[0] as string;
    if (walk.scope.has(name)) return;
    walk.uses.names.push({ path, at: positionOf(node) });
    const macro = this.#macros.get(name);
    if (macro !== undefined && !walk.followed.has(name)) {
      walk.followed.add(name);
      this.#macro(macro, { ...walk, scope: new Scope(), block: undefined });
    }
    const template = this.#contextual.get(name);
    if (template !== undefined) {
      walk.uses.templates.push({ template, block: undefined, bound: [], at: positionOf(node) });
    }
  }

  #lookup(node: Node, walk: Walk): void {
    const found = pathOf(node);
    if (found !== undefined) this.#read(node, found.path, walk);
    else this.#walkAll([node.target], walk);
    // What a computed lookup is computed from: each level of the chain has its own.
    for (let at: unknown = node; isNode(at) && at.typename === 'LookupVal'; at = at.target) {
      if (found !== undefined) this.#walkAll([at.val], walk);
    }
    if (found === undefined) this.#walkAll([node.val], walk);
  }

  #call(node: Node, walk: Walk): void {
    const callee = node.name as Node;
    if (callee.typename === 'Symbol' && callee.value === 'super' && walk.block !== undefined) {
      if (this.#parent === undefined) {
        walk.uses.dynamic = true;
        walk.uses.hasUnknownSuper = true;
      } else {
        const bound = walk.scope.all();
        walk.uses.templates.push({ template: this.#parent, block: walk.block, bound, at: positionOf(node) });
      }
    } else if (callee.typename === 'Symbol' && callee.value === 'caller' && !walk.scope.has('caller')) {
      walk.uses.caller ??= positionOf(node);
    } else {
      this.#walk(callee, walk);
    }
    this.#walkAll([node.args], walk);
  }

  #macro(node: Node, walk: Walk): void {
    for (const parameter of childNodes(node.args as Node)) {
      // Default values are read where the macro stands.
      if (parameter.typename !== 'Symbol') this.#walk(parameter, walk);
    }
    this.#walkInner(node.body, walk, [...scopeNames(node), 'caller']);
  }

  #template(node: Node, walk: Walk): void {
    const template = literalTemplate(node);
    // An import without context reads nothing of the page.
    const reads = node.typename === 'Include' || node.typename === 'Extends' || node.withContext === true;
    if (template === undefined) {
      this.#walkAll([node.template], walk);
      if (reads) walk.uses.dynamic = true;
    } else if (reads) {
      walk.uses.templates.push({ template, block: undefined, bound: walk.scope.all(), at: positionOf(node) });
    }
    this.#bind(node, walk);
  }
}

/** The template's name where it is written out, undefined where it is computed. */
export function literalTemplate(node: Node): string | undefined {
  const template = node.template as Node;
  return template.typename === 'Literal' && typeof template.value === 'string' ? template.value : undefined;
}
