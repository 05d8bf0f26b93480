import { LRUCache } from 'lru-cache';
import type { Entries } from '../cache/entries.ts';
import type { Guess } from '../cache/token-reader.ts';
import type { Identifier } from '../model/identity.ts';
import type { PageContext } from '../options.ts';
import { MAX_PATHS, NO_READS, type ReadShape, shapeOf, union } from '../reads/shape.ts';
import { KeyCollector } from '../reads/sinks.ts';
import { walk } from '../reads/walk.ts';
import type { Scope, World } from '../reads/world.ts';
import { digest } from '../util/digest.ts';
import type { Render } from './render.ts';

/** What one page needed from the store. */
interface Needed {
  readonly names: readonly string[];
  readonly entries: readonly Guess[];
  /** Its first pass has to wait for the answer. Where it need not, the answer comes while the pass runs. */
  readonly mustWait: boolean;
}

/** Names and keys remembered for all pages together: some 10 MB. A page with more than the second number has none. */
const MAX_REMEMBERED = 100_000;
const MAX_OF_ONE_PAGE = 20_000;

/** Templates whose reads are remembered. */
const MAX_SHAPES = 2_000;
/** Characters of a digest of values: two pages of one template that share one only ask for the wrong names. */
const DIGEST_CHARACTERS = 16;

/** Values of a page's context that tell it from others of its template, and the characters of each. */
const MAX_HINTS = 20;
const MAX_HINT = 100;

/**
 * Remembers what pages needed from the store, so that the next render of the same page asks for all of it before its
 * first pass: a page that has not changed is one round trip and one pass. A guess decides nothing: tokens are read after the
 * render began, like all others; an entry is used only by a fragment that asks for its very key. What was guessed wrongly
 * was fetched in vain, and is not guessed again.
 */
export class Predictions {
  readonly #identifier: Identifier;
  readonly #entries: Entries;
  readonly #pages = new LRUCache<string, Needed>({
    maxSize: MAX_REMEMBERED,
    maxEntrySize: MAX_OF_ONE_PAGE,
    sizeCalculation: ({ names, entries }) => names.length + entries.length + 1,
  });

  readonly #shapes = new LRUCache<string, ReadShape>({ max: MAX_SHAPES });

  constructor(identifier: Identifier, entries: Entries) {
    this.#identifier = identifier;
    this.#entries = entries;
  }

  /**
   * A render begins: asks for what the same page needed last time. Returns whether the first pass must wait for the answer;
   * undefined when nothing was asked.
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

  /** A render has succeeded: remembers what it needed. */
  learn(render: Render, template: string): void {
    const { reader, pass } = render;
    const { prefetching } = reader;
    if (prefetching === undefined) return;
    // A pass that starts lazies does not wait: they are loaded in the same round trip. One that shows nothing but entries of the
    // memory tier need not.
    const mustWait = pass.hasMissed && !render.hasWaitedElsewhere;
    if (mustWait === render.mustWait && prefetching.isAsPrefetched) return;
    const entries: Guess[] = [];
    for (const parts of [render.found, render.kept]) {
      for (const [memoryKey, kept] of parts) {
        // What the memory tier has need not be fetched.
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
    // What was remembered by fewer values would be asked for in vain.
    if (shape !== known) this.#pages.delete(this.#pageOf(render, template, known));
  }

  /** What the fragments of a template read among the page's variables: their values tell its pages apart. */
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

  /** Which page it is: its template, the models among the variables it was given, and the values that its fragments read. */
  #pageOf({ context }: Render, template: string, shape: ReadShape | undefined): string {
    const hints = Object.keys(context).flatMap((name) => {
      // A getter is the template's to call: it may consume what it gives, or throw.
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
      // Whether it was Nunjucks that marked it: a prediction may be wrong.
      isMarkedSafe: (value) => value instanceof String && Object.hasOwn(value, 'val'),
      version: () => '',
    };
  }

  scope(name: string): unknown {
    // A getter is the template's to call.
    return Object.getOwnPropertyDescriptor(this.#context, name)?.value;
  }

  variable(): undefined {}

  context(): undefined {}

  global(): undefined {}

  helper(): undefined {}

  ofMacro(): undefined {}
}

/** What the option throws, its first fragment will throw. */
function isEnabled(render: Render): boolean {
  try {
    return render.enabled;
  } catch {
    return false;
  }
}
