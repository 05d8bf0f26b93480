import { LRUCache } from 'lru-cache';
import type { Entries } from '../cache/entries.ts';
import type { Guess } from '../cache/token-reader.ts';
import type { Identifier } from '../model/identity.ts';
import type { PageContext } from '../options.ts';
import { MAX_PATHS, NO_READS, type ReadShape, shapeOf } from '../reads/shape.ts';
import { union } from '../reads/shape-parts.ts';
import { KeyCollector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope, World } from '../reads/world.ts';
import { digest } from '../util/digest.ts';
import { lru } from '../util/lru.ts';
import type { Render } from './render.ts';

/** The names and keys that one page asked the store for. */
interface Needed {
  readonly names: readonly string[];
  readonly entries: readonly Guess[];
  /** Whether the first pass has to wait for the answer. If not, the answer arrives while the pass runs. */
  readonly mustWait: boolean;
}

/**
 * Limit of names and keys remembered for all pages together, about 10 MB; and of one page. A page that needs more is
 * not remembered.
 */
const MAX_REMEMBERED = 100_000;
const MAX_OF_ONE_PAGE = 20_000;

/** Limit of templates whose reads are remembered. */
const MAX_SHAPES = 2_000;
/** Length of a digest of values. Two pages of one template that share a digest only ask for the wrong names. */
const DIGEST_CHARACTERS = 16;

/** Limit of models in a page's context that tell it from other pages of its template, and of the characters of each. */
const MAX_HINTS = 20;
const MAX_HINT = 100;

/**
 * Remembers which names and keys pages needed from the store, so that the next render of the same page asks for all of
 * them before its first pass. A page that has not changed then takes one round trip and one pass. A prediction decides
 * nothing: tokens are read after the render began, as always, and an entry is used only by a fragment that asks for its
 * key. A wrong prediction costs a request, and is not repeated.
 */
export class Predictions {
  readonly #identifier: Identifier;
  readonly #entries: Entries;
  readonly #pages = new LRUCache<string, Needed>({
    maxSize: MAX_REMEMBERED,
    maxEntrySize: MAX_OF_ONE_PAGE,
    sizeCalculation: ({ names, entries }) => names.length + entries.length + 1,
  });

  readonly #shapes = lru<ReadShape>(MAX_SHAPES);

  constructor(identifier: Identifier, entries: Entries) {
    this.#identifier = identifier;
    this.#entries = entries;
  }

  /**
   * Begins a render: asks for the names and keys that the same page needed last time. Returns whether the first pass
   * must wait for the answer; undefined when nothing was asked.
   */
  begin(render: Render, template: string): boolean | undefined {
    const { reader } = render;
    const { prefetching } = reader;
    if (prefetching === undefined) return undefined;
    const needed = this.#pages.get(this.#pageOf(render, template, this.#shapes.get(template)));
    if (needed === undefined || !isEnabled(render)) return undefined;
    prefetching.prefetch(needed.names, needed.entries);
    render.mustWait = needed.mustWait;
    return needed.mustWait;
  }

  /** Remembers the names and keys that a successful render needed. */
  learn(render: Render, template: string): void {
    const { reader, pass } = render;
    const { prefetching } = reader;
    if (prefetching === undefined) return;
    // A first pass that starts lazies does not wait, because their data loads in the same round trip. One that shows
    // only entries of the memory tier need not wait either.
    const mustWait = pass.hasMissed && !render.hasWaitedElsewhere;
    if (mustWait === render.mustWait && prefetching.isAsPrefetched) return;
    const entries: Guess[] = [];
    for (const parts of [render.found, render.kept]) {
      for (const [memoryKey, kept] of parts) {
        // Entries in the memory tier need not be fetched.
        if (this.#entries.inMemory(memoryKey).length > 0) continue;
        for (const { stored } of kept) if (stored !== undefined) entries.push({ memoryKey, stored });
      }
    }
    const names = prefetching.neededNames;
    const known = this.#shapes.get(template);
    const shape = this.#learnShape(render, template, known);
    const page = this.#pageOf(render, template, shape);
    if (names.length > 0) this.#pages.set(page, { names, entries, mustWait });
    else this.#pages.delete(page);
    // The page is now told apart by more values, so nothing looks under its old key again.
    if (shape !== known) this.#pages.delete(this.#pageOf(render, template, known));
  }

  /** Remembers which of the page's variables the fragments of a template read. Their values tell its pages apart. */
  #learnShape({ pass, context }: Render, template: string, known: ReadShape | undefined): ReadShape | undefined {
    let shape = known ?? NO_READS;
    for (const { roots } of pass.shapes) {
      const own = roots.filter(({ kind, node }) => kind !== 'global' && Object.hasOwn(context, node.step));
      if (own.length > 0) shape = union(shape, shapeOf(own.map(({ node }) => ({ kind: 'scope', node }))));
    }
    if (shape.size > MAX_PATHS || shape === NO_READS) return known;
    this.#shapes.set(template, shape);
    return shape;
  }

  /**
   * Returns a text that identifies a page: its template, the models among its variables, and the values that its
   * fragments read.
   */
  #pageOf({ context }: Render, template: string, shape: ReadShape | undefined): string {
    const hints = Object.keys(context).flatMap((name) => {
      // Do not call getters. That is up to the template: a getter may consume its value, or throw.
      const id = this.#identifier.hint(Object.getOwnPropertyDescriptor(context, name)?.value);
      return id === undefined ? [] : [`${name}=${id.slice(0, MAX_HINT)}`];
    });
    const values = shape === undefined ? '' : valuesOf(shape, new ContextScope(context, this.#identifier));
    return [template, values, ...hints.slice(0, MAX_HINTS)].join('\n');
  }
}

function valuesOf(shape: ReadShape, scope: Scope): string {
  const collector = new KeyCollector();
  walk(shape, scope, collector);
  return digest(collector.text, DIGEST_CHARACTERS);
}

/** A page's variables as they were given to it, before any template has run. */
class ContextScope implements Scope {
  readonly models: readonly object[] = [];
  readonly world: World;
  readonly #context: PageContext;

  constructor(context: PageContext, identifier: Identifier) {
    this.#context = context;
    this.world = {
      generation: 0,
      identity: (object) => identifier.met(object),
      rowIdentity: (row, type) => identifier.metRow(row, type),
      functionText: () => undefined,
      codeText: () => undefined,
      uncomparedIdentity: () => undefined,
      macro: () => undefined,
      boundTo: () => undefined,
      // This also accepts objects that Nunjucks did not mark as safe, which at worst makes a wrong prediction.
      isMarkedSafe: (value) => value instanceof String && Object.hasOwn(value, 'val'),
      version: () => '',
    };
  }

  scope(name: string): unknown {
    // Do not call getters; that is up to the template.
    return Object.getOwnPropertyDescriptor(this.#context, name)?.value;
  }

  variable(): undefined {}

  context(): undefined {}

  global(): undefined {}

  helper(): undefined {}

  ofMacro(): undefined {}
}

/**
 * Whether caching is enabled for this page. If the `enabled` option throws, the error is left to the first fragment.
 */
function isEnabled(render: Render): boolean {
  try {
    return render.enabled;
  } catch {
    return false;
  }
}
