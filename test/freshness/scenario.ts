import type { Judgement } from './history.ts';
import type { models, Page } from './pages.ts';

/** A type of the site's rows. */
export type Type = keyof typeof models;

/** Somebody whose steps are put in order with those of the others. */
export type Actor =
  /** Reads the rows of the page (or of another), then renders it; `since`: says when it began. */
  | { readonly does: 'read'; readonly in: string; readonly since?: true; readonly page?: Page }
  /** Saves a row and bumps it, or its class, or everything; `using` makes the bump conditional. */
  | {
      readonly does: 'save';
      readonly in: string;
      readonly row: Type;
      readonly bump?: 'row' | 'class' | 'all' | 'using';
    }
  /** The server loses the token of a row, or all tokens. */
  | { readonly does: 'lose'; readonly tokens: Type | 'all' }
  | { readonly does: 'wait'; readonly milliseconds: number };

export interface Scenario {
  readonly page: Page;
  readonly actors: readonly Actor[];
  /**
   * What is there before: nothing, or everything in the store and in each process, or tokens that are old, and no entries. Default:
   * nothing.
   */
  readonly start?: 'cold' | 'warm' | 'tokens';
  /** Default: true. */
  readonly memory?: boolean;
  /** How many calls of the store may be lost, or carried out late. Default: 0. */
  readonly faults?: number;
  /** Writes of tokens that are carried out late are taken back. */
  readonly takesBack?: boolean;
  /** The option, in milliseconds. Default: 0, off. */
  readonly outage?: number;
  /** By how many milliseconds the clock of a process is wrong. */
  readonly clocks?: Readonly<Record<string, number>>;
}

export interface Outcome extends Judgement {
  /** The order in which it went. */
  readonly steps: readonly string[];
  readonly counts: Judgement['counts'] & Readonly<Record<string, number>>;
}
