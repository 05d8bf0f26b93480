import { isPlain } from '../util/plain.ts';
import { isData } from './built-in.ts';
import type { HandedValues } from './handed-values.ts';
import type { Known } from './known-objects.ts';
import { elementsOf, hasOwnIterator, hasOwnText, isObject } from './objects.ts';
import { peek } from './peek.ts';
import { isPlaceholder } from './placeholder.ts';
import { isCompared, type RecordNode } from './record-node.ts';
import type { RecordedPaths } from './recorded-paths.ts';
import type { SeenValues } from './seen-values.ts';
import { asMember, asPart, BY_COMPUTED_NAME, type TextUses } from './text-uses.ts';

/**
 * Records what a body reads of a value without naming a member: its elements, where it goes over them, and its text,
 * where it prints the value or compares it with another. The text of a list is that of its elements.
 */
export class ContentReads {
  readonly #paths: RecordedPaths;
  readonly #handed: HandedValues;
  readonly #seen: SeenValues;
  readonly #textUses: TextUses;
  /** Lists and objects with a text of their own that the body got where a template uses the text. */
  #printed: Set<object> | undefined;

  /** @param textUses of the templates that run in the body */
  constructor(paths: RecordedPaths, handed: HandedValues, seen: SeenValues, textUses: TextUses) {
    this.#paths = paths;
    this.#handed = handed;
    this.#seen = seen;
    this.#textUses = textUses;
  }

  /** Records that `for` loops over a value. */
  iterate(value: unknown): void {
    if (!isObject(value)) return;
    for (const node of this.#paths.objects.of(value).nodes) this.#elements(node, value, false);
    if (!this.#handed.isGiven(value)) return;
    if (hasOwnIterator(value)) this.#handed.hand(value);
    else for (const element of elementsOf(value)) this.#handed.given(element);
  }

  /**
   * Records `for a, b in list`. Nunjucks takes the elements apart without a lookup that could be seen, so the body goes
   * over lists among them, and others count as handed on.
   */
  destructure(value: unknown): void {
    if (!Array.isArray(value)) return;
    const isGiven = this.#handed.isGiven(value);
    for (const element of value) {
      if (!Array.isArray(element)) {
        this.#handed.hand(element);
        continue;
      }
      if (isGiven) this.#handed.given(element);
      this.iterate(element);
      for (let i = 0; i < element.length; i++) this.use(asPart(i), element[i]);
    }
  }

  /** Records that the body got a value. Its text or elements count if the text of what is got so is used. */
  use(got: string, value: unknown): void {
    if (isObject(value) && this.#textUses.has(got)) this.#useText(value);
  }

  useMember(step: string, value: unknown): void {
    if (!isObject(value)) return;
    if (this.#textUses.has(asMember(step)) || this.#textUses.has(BY_COMPUTED_NAME)) this.#useText(value);
  }

  #useText(value: object): void {
    if (isPlaceholder(value)) return;
    if (!Array.isArray(value) && !hasOwnText(value)) return;
    const known = this.#paths.objects.find(value);
    this.#handed.printed(value);
    if (known?.nodes.some(isCompared)) {
      if (Array.isArray(value)) this.#seen.content(value);
      else if (!known.isModel && !(value instanceof String)) this.#handed.keep(value);
    }
    this.#printed ??= new Set();
    this.#printed.add(value);
  }

  /** Records the texts that were used, when the body has ended. */
  settle(): void {
    for (const object of this.#printed ?? NONE) this.#print(object);
  }

  /** Records that an object was printed, or compared with a text: its text or elements count. */
  #print(value: object): void {
    const nodes = this.#paths.objects.find(value)?.nodes ?? NONE;
    for (const node of nodes) this.#printedAt(node, value);
    // A list that the body made may hold objects from outside. What is added here is printed in turn.
    if (nodes.length > 0 || !Array.isArray(value)) return;
    for (const element of value) if (isObject(element)) this.#printed?.add(element);
  }

  #printedAt(node: RecordNode, value: object): void {
    if (Array.isArray(value)) this.#elements(node, value, true);
    // The token of the model above stands for a date.
    if (hasOwnText(value) && !(node.isBelow && isData(value))) node.whole = true;
  }

  /** @param arePrinted whether the text of the elements counts */
  #elements(node: RecordNode, value: object, arePrinted: boolean): void {
    if (Array.isArray(value)) {
      if (!node.isBelow && !this.#paths.objects.of(value).isModel) {
        node.list = true;
        this.#seen.content(value);
      }
      this.#register(node, value, arePrinted);
    } else if (isPlaceholder(value)) {
      return;
    } else if (node.isBelow || this.#paths.objects.of(value).isModel) {
      node.entries = true;
      if (hasOwnIterator(value)) this.#goneOver(node, value);
      this.#register(node, elementsOf(value), arePrinted);
    } else if (value instanceof Map || value instanceof Set) {
      node.list = true;
      this.#seen.content(value);
      // Keys are printed or handed on, so they are compared whole.
      if (value instanceof Map) for (const key of value.keys()) this.#handed.hand(key);
      this.#register(node, value.values(), arePrinted);
    } else if (Symbol.iterator in value) {
      this.#paths.cannotSee(node.path.join('.'), 'going over it runs code of the page');
    } else {
      node.entries = true;
      this.#seen.content(value);
      // `for` counts to a length, and its names do not show all that is read then.
      if (!isPlain(value) || 'length' in value) node.whole = true;
      for (const key in value) {
        const found = peek(value, key);
        if (isObject(found)) this.#register(node, [found], arePrinted);
      }
    }
  }

  /** Records that code of a class goes over its instance, as a method does. */
  #goneOver(node: RecordNode, value: object): void {
    if ('next' in value) this.#paths.cannotSee(node.path.join('.'), 'going over it uses it up');
    this.#handed.hand(value);
  }

  #register(node: RecordNode, elements: Iterable<unknown>, arePrinted: boolean): void {
    const { objects } = this.#paths;
    // The number of elements counts, whatever they are.
    if (node.isBelow) node.element();
    // Ordinary rows of one list share one `Known`.
    let row: Known | undefined;
    for (const element of elements) {
      if (!isObject(element)) continue;
      const each = node.element();
      if (!objects.has(element) && typeof element === 'object' && !objects.isModel(element)) {
        row ??= { nodes: [each], isModel: false, isPlaceholder: false };
        objects.set(element, row);
        if (each.isBelow && !isPlain(element)) objects.meetUncompared(element);
      } else {
        this.#paths.found(objects.of(element), each, element);
      }
      if (arePrinted) this.#printedAt(each, element);
    }
  }
}

const NONE: readonly never[] = [];
