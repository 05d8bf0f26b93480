import { Ambient } from '../../render/ambient.ts';
import { headerRead, isTool, type ReadName, splitRead } from './read-names.ts';
import { isPersonalHeader, type RequestValues } from './request-values.ts';
import { PERSONAL, type ReadReason, UNSEEN, type ValueText } from './value-text.ts';

/** Values that a renderer copied for a template, whichever of them the template uses. */
interface Copies {
  /** Names not yet copied since the renderer asked for all names. */
  left: Set<string>;
  readonly copied: Map<ReadName, unknown>;
  /** Names of what was copied. */
  readonly names: Set<string>;
  /** What the handler gives beside them. */
  readonly beside: unknown;
}

const copying = new Ambient<Copies>();

/**
 * Records what a handler reads of its request, from its start until it has handed over its answer. Each read is
 * recorded once, with the value that it found first.
 */
export class RequestReads {
  /** What was read, with the text of what was found. */
  readonly found: Map<ReadName, ValueText> = new Map();
  /**
   * Names of all request headers that the answer depends on, for its Vary. Some are in the key only as what was made of
   * them.
   */
  readonly headers: Set<string> = new Set();
  readonly #values: RequestValues;
  readonly #counts: (name: ReadName) => boolean;
  readonly #tell: ((name: ReadName) => string) | undefined;
  /** Copies whose template has not begun. */
  readonly #copies = new Set<Copies>();
  /** Reads of loggers and the framework's parts. */
  readonly #tools = new Set<ReadName>();
  readonly #met: () => void;
  #quiet = 0;
  /** Calls under way whose reads do not even shape the answer. */
  #foreign = 0;
  /** Tells the handler's code from code of others that runs meanwhile; undefined where all code is the handler's. */
  #isHandler: (() => boolean) | undefined;
  #isClosed = false;
  #reason: ReadReason | undefined;
  #detail: string | undefined;

  /**
   * @param tell describes a read in a report; left out where nobody looks at reports
   * @param met called when a value was a model: its token must be asked for now, before it changes
   */
  constructor(
    values: RequestValues,
    counts: (name: ReadName) => boolean,
    tell: ((name: ReadName) => string) | undefined,
    met: () => void = () => {},
  ) {
    this.#met = met;
    this.#values = values;
    this.#counts = counts;
    this.#tell = tell;
  }

  /** Why the page must not be stored, if the reads are a reason. */
  get reason(): ReadReason | undefined {
    return this.#reason;
  }

  /** The read that is the reason. */
  get detail(): string | undefined {
    return this.#detail;
  }

  get isRecording(): boolean {
    return this.#quiet === 0 && !this.#isClosed && this.#isHandler?.() !== false;
  }

  /** From now on counts only reads of code for which the test says yes; without a test, all reads. */
  countOnly(isHandler: (() => boolean) | undefined): void {
    this.#isHandler = isHandler;
  }

  /** Whether all reads are known. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Records a read of a header, also in code whose result stands for it in the key. */
  readHeader(name: string): void {
    if (this.#foreign > 0 || this.#isClosed || this.#isHandler?.() === false) return;
    if (!isPersonalHeader(name)) this.headers.add(name.toLowerCase());
    this.read(headerRead(name));
  }

  /** Records a read of something that the request itself holds. */
  read(name: ReadName): void {
    if (this.#isNew(name)) this.silently(() => this.#note(name, this.#values.text(name)));
  }

  /** Records a read of a value that middleware left. */
  readValue(name: ReadName, value: unknown): void {
    if (!this.#isNew(name)) return;
    const [first, rest] = splitRead(name);
    const { length } = this.#values.models;
    this.silently(() => this.#note(name, this.#values.textOf(rest === '' ? first : rest, value)));
    if (this.#values.models.length > length) this.#met();
  }

  /** Records a read of a value that middleware left, and returns what the handler is given for it. */
  shown(name: ReadName, value: unknown): unknown {
    this.readValue(name, value);
    return this.given(name, value);
  }

  /** Returns what the handler is given for a value that middleware left. */
  given(name: ReadName, value: unknown): unknown {
    if (typeof value !== 'function') return value;
    const silently = (run: () => boolean) => this.silently(run);
    return this.#values.shown(value, silently, () => this.#otherwise(name));
  }

  /** Records that a function which gives a replaced value was used in another way, too. */
  #otherwise(name: ReadName): void {
    if (!this.isRecording) return;
    this.found.delete(name);
    this.#note(name, UNSEEN);
  }

  /** Records that the handler read what no key can hold. */
  readAll(name: ReadName): void {
    if (this.#isNew(name)) this.#note(name, UNSEEN);
  }

  /** Runs code whose reads do not count, because it is not the handler's. */
  silently<T>(run: () => T): T {
    this.#foreign += 1;
    try {
      return this.deriving(run);
    } finally {
      this.#foreign -= 1;
    }
  }

  /** Runs code whose result is in the key, in place of what it reads. */
  deriving<T>(run: () => T): T {
    this.#quiet += 1;
    try {
      return run();
    } finally {
      this.#quiet -= 1;
    }
  }

  /**
   * Runs a renderer. What it copies for a page of ours counts only as far as the page looks it up.
   *
   * @param beside variables that the handler gives itself
   */
  whileCopying<T>(run: () => T, beside?: unknown): T {
    const copies: Copies = { left: new Set(), copied: new Map(), names: new Set(), beside };
    this.#copies.add(copies);
    return copying.run(copies, run);
  }

  /** A renderer, or the handler, asked for all names of the page's variables. */
  copies(names: Iterable<string>): void {
    const copies = copying.current;
    if (copies !== undefined && this.#copies.has(copies)) copies.left = new Set(names);
  }

  /** Records a read of a variable that middleware left for templates. */
  readLocal(read: string, name: string, value: unknown): void {
    const copies = copying.current;
    // A renderer copies each variable once. Whoever asks again wants to know its value.
    if (copies !== undefined && this.#copies.has(copies) && copies.left.delete(name)) {
      copies.copied.set(`${read}.${name}`, value);
      copies.names.add(name);
    } else this.readValue(`${read}.${name}`, value);
  }

  /** Whether a renderer that runs now has copied a variable that middleware left, and the handler gives none of its name. */
  isCopied(name: string): boolean {
    const copies = copying.current;
    if (copies === undefined || !this.#copies.has(copies)) return false;
    const { names, beside } = copies;
    return names.has(name) && !(typeof beside === 'object' && beside !== null && name in beside);
  }

  /** Records that the handler looked whether there is a variable, unless a renderer is about to copy it. */
  askLocal(read: string, name: string, value: unknown): void {
    const copies = copying.current;
    const isCopying = copies !== undefined && this.#copies.has(copies) && copies.left.has(name);
    if (!isCopying) this.readValue(`${read}.${name}`, value);
  }

  /**
   * A page of ours begins, and records by itself what it looks up. If it was not given all that was copied, the copies
   * are another's, whose template calls ours.
   */
  pageBegins(variables: object): void {
    const copies = copying.current;
    if (copies === undefined) return;
    if ([...copies.names].every((name) => name in variables)) this.#copies.delete(copies);
  }

  /** Ends the recording. */
  close(): void {
    if (this.#isClosed) return;
    // Whatever code is running now, the copies were the handler's.
    this.#quiet = 0;
    this.#isHandler = undefined;
    // Templates of others may have used all that was copied for them.
    for (const { copied } of this.#copies) for (const [name, value] of copied) this.readValue(name, value);
    this.#copies.clear();
    this.#isClosed = true;
  }

  #isNew(name: ReadName): boolean {
    return this.isRecording && !this.found.has(name) && !this.#tools.has(name) && this.#counts(name);
  }

  #note(name: ReadName, text: ValueText): void {
    if (text === UNSEEN && isTool(name)) {
      this.#tools.add(name);
      return;
    }
    this.found.set(name, text);
    if (typeof text === 'string') return;
    const reason = text === PERSONAL ? 'personal' : 'unseen';
    // What belongs to the visitor must be known even if something else came first.
    if (this.#reason === 'personal' || this.#reason === reason) return;
    this.#reason = reason;
    this.#detail = this.#tell?.(name) ?? name;
  }
}
