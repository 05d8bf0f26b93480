import type { PageWatch } from '../render/ambient.ts';
import type { VisitorVariables } from './holes/visitor-variables.ts';
import type { RequestReads } from './reads/request-reads.ts';
import type { RequestValues } from './reads/request-values.ts';
import type { RequestWindow } from './reads/request-window.ts';
import { VariablesOutside } from './variables-outside.ts';

/** What is known of the variables that the pages of a view are given. */
interface Variables {
  /** Those that middleware and the handler leave. */
  readonly window: RequestWindow;
  /** What reads find, and what is replaced in the page. */
  readonly values: RequestValues;
  /** The visitor's, where pages are kept with holes for them. */
  readonly visitor: VisitorVariables | undefined;
}

/** Watches the pages of a view: which variables they look up, and whose those are. */
export class ViewPages implements PageWatch {
  readonly visitor: VisitorVariables | undefined;
  /** What the handler, and pages outside of fragments, read of the request. */
  readonly reads: RequestReads;
  /** The variables of a visitor that views inside are made with. */
  visit: Readonly<Record<string, unknown>> | undefined;
  readonly #window: RequestWindow;
  readonly #values: RequestValues;
  readonly #outside = new VariablesOutside();
  readonly #usesOutside: () => void;

  /** @param usesOutside called when a page uses a variable that was given to it behind the handler */
  constructor({ window, values, visitor }: Variables, usesOutside: () => void) {
    this.#window = window;
    this.reads = window.reads;
    this.#values = values;
    this.visitor = visitor;
    this.#usesOutside = usesOutside;
  }

  pageBegins(variables: object): void {
    this.#outside.pageBegins();
    this.reads.pageBegins(variables);
  }

  lookedUp(name: string): void {
    if (this.#outside.has(name)) this.#usesOutside();
    if (this.visitor?.lookedUp(name)) return;
    this.#window.lookedUp(name);
  }

  lookedUpAll(): void {
    if (this.#outside.areThere) this.#usesOutside();
    this.visitor?.lookedUpAll();
    this.#window.lookedUpAll();
  }

  isReplaced(value: unknown): boolean {
    return this.#values.isReplaced(value) || this.visitor?.has(value) === true;
  }

  /** Others have given variables to the page, which is rendered from now on. A page that uses one is not stored. */
  givenOutside(names: ReadonlySet<string>): void {
    this.#outside.given(names);
  }

  /** Whether variables that others have given may have been used unseen. */
  get mayUseOutside(): boolean {
    return this.#outside.mayBeUsed;
  }

  /** A view begins inside, with its own visitor's variables. */
  nest(visit: Readonly<Record<string, unknown>> | undefined): void {
    this.visit = { ...this.visit, ...visit };
  }
}
