import { PrivateNames } from '../../reads/private-names.ts';
import type { RootKind } from '../../reads/read-node.ts';
import type { ReadShape } from '../../reads/shape.ts';
import type { PageWatch } from '../../render/ambient.ts';
import type { Context, Frame } from '../nunjucks.ts';
import type { OpenHoles } from './open-holes.ts';
import type { TemplateReading } from './page-runtime.ts';
import { recordingContext } from './recording-context.ts';

/**
 * Looks for reads of private values in a page that is kept as a whole: a view, or a page that a lazy renders. Reads
 * outside of its fragments are not compared when it is served again, so it must not be kept if it read such a value.
 */
export class PageReading implements TemplateReading {
  /** Holes of the page, if they are left open. */
  holes: OpenHoles | undefined;
  readonly #privateNames: PrivateNames;
  readonly #found: (path: readonly string[], value: unknown) => void;
  readonly #watch: PageWatch | undefined;
  /** Objects that may have private values as members, each with its path. */
  readonly #carriers: Map<object, readonly string[]>;

  /**
   * Looks for the given private names.
   *
   * @param found called with each private value that is read, and its path
   * @param watch told of all variables that are looked up
   * @param carriers objects that may have private values as members
   */
  constructor(
    privateNames: PrivateNames,
    found: (path: readonly string[], value: unknown) => void,
    watch: PageWatch | undefined,
    carriers: Map<object, readonly string[]> = new Map(),
  ) {
    this.#privateNames = privateNames;
    this.#found = found;
    this.#watch = watch;
    this.#carriers = carriers;
  }

  /** Returns what another one of the same page is made with. */
  static partsOf(reading: PageReading | undefined): ConstructorParameters<typeof PageReading> {
    return reading === undefined
      ? [NO_PRIVATE_NAMES, () => {}, undefined]
      : [reading.#privateNames, reading.#found, reading.#watch, reading.#carriers];
  }

  lookup(_context: Context, _frame: Frame, name: string, value: unknown): void {
    this.#lookUp(name, value);
  }

  #lookUp(name: string, value: unknown): void {
    this.#watch?.lookedUp(name);
    this.#look([name], value);
  }

  member(object: unknown, key: unknown, value: unknown): void {
    if (typeof key === 'symbol' || typeof object !== 'object' || object === null) return;
    this.#look([...(this.#carriers.get(object) ?? ELSEWHERE), String(key)], value);
  }

  madeUp(object: unknown): unknown {
    this.iterate(object);
    return object;
  }

  #look(path: readonly string[], value: unknown): void {
    if (this.#privateNames.privateLength(path) === path.length) this.#found(path, value);
    if (this.#privateNames.mayHold(path) && typeof value === 'object' && value !== null)
      this.#carriers.set(value, path);
  }

  enter(_context: Context, _variables: Readonly<Record<string, unknown>> | undefined): void {}

  lookupPast(_kind: 'context' | 'global', _context: Context, name: string, value: unknown): void {
    this.#lookUp(name, value);
  }

  helper(): void {}

  /** Examines all members of an object of the request, because a loop or a function may read any of them. */
  iterate(value: unknown): void {
    const path = typeof value === 'object' && value !== null ? this.#carriers.get(value) : undefined;
    if (path === undefined) return;
    for (const [name, found] of Object.entries(Object.getOwnPropertyDescriptors(value)))
      this.#look([...path, name], found.value);
  }

  before(): void {}

  destructure(): void {}

  hold(): void {}

  madeCaller(): void {}

  given(): void {}

  isGiven(): boolean {
    return false;
  }

  hand(values: readonly unknown[]): void {
    for (const value of values) this.iterate(value);
  }

  called(_called: unknown, context: Context, args: readonly unknown[]): Context {
    this.hand(args);
    return this.recording(context);
  }

  recording(context: Context): Context {
    return recordingContext(context, {
      read: (name, value) => {
        this.lookupPast('context', context, name, value);
        this.iterate(value);
      },
      unsure: () => {},
      all: () => this.readAll(context),
    });
  }

  /** A function asked for all variables. */
  protected readAll(context: Context): void {
    this.#watch?.lookedUpAll();
    for (const [name, value] of Object.entries(context.ctx)) this.lookupPast('context', context, name, value);
  }

  /** A fragment that was compared hides nothing: its body would have looked these up. */
  repeat({ roots }: ReadShape, _at: { read(kind: RootKind, name: string): unknown }): void {
    for (const { kind, node } of roots) if (kind !== 'helper') this.#watch?.lookedUp(node.step);
  }

  typed(): void {}
}

const NO_PRIVATE_NAMES = new PrivateNames([]);
/** Path of any other object; no private name begins like this. */
const ELSEWHERE: readonly string[] = [''];
