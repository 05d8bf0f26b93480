import { presence } from './atom.ts';
import type { KnownObjects } from './known-objects.ts';
import { elementsOf } from './objects.ts';
import { peek } from './peek.ts';
import type { RecordNode } from './record-node.ts';

/**
 * What a body saw in the objects of its page. An entry is stored with the values at the end of the body, so none of
 * them may have changed by then.
 */
export class SeenValues {
  /** An object, the step that was read of it, and what it gave; and so on. */
  #members: unknown[] | undefined;
  #contents: Map<object, readonly unknown[]> | undefined;

  /** A member of an object was read. */
  member(object: object, node: RecordNode, value: unknown): void {
    if (node.isExcepted || (node.isBelow && node.isMany)) return;
    if (this.#members === undefined) this.#members = [object, node, value];
    else this.#members.push(object, node, value);
  }

  /** The elements of a list, map or set may be read, or the names and values of another object. */
  content(object: object): void {
    this.#contents ??= new Map();
    if (!this.#contents.has(object)) this.#contents.set(object, contentOf(object));
  }

  /** Returns the path of a value that has changed. */
  changed(objects: KnownObjects): string | undefined {
    const members = this.#members ?? NONE;
    for (let i = 0; i < members.length; i += 3) {
      const node = members[i + 1] as RecordNode;
      const [now, before] = [peek(members[i] as object, node.step), members[i + 2]];
      // Below a model its token stands for the value.
      const isSame = node.isBelow ? presence(now) === presence(before) : Object.is(now, before);
      if (!isSame) return node.path.join('.');
    }
    for (const [object, before] of this.#contents ?? NO_CONTENTS) {
      if (!objects.of(object).nodes.some(({ list, entries, whole }) => list || entries || whole)) continue;
      const now = contentOf(object);
      if (now.length !== before.length || now.some((item, i) => !Object.is(item, before[i])))
        return objects.pathOf(object);
    }
    return undefined;
  }
}

function contentOf(object: object): readonly unknown[] {
  if (Array.isArray(object)) return object.slice();
  if (object instanceof Map || object instanceof Set) return [...elementsOf(object)];
  const content: unknown[] = [];
  for (const key in object) content.push(key, peek(object, key));
  return content;
}

const NONE: readonly never[] = [];
const NO_CONTENTS: ReadonlyMap<object, readonly unknown[]> = new Map();
