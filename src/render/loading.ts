import { CLOCK_SKEW } from '../cache/new-entry.ts';
import { tokenTime } from '../cache/token.ts';
import { UNKNOWN } from '../cache/token-reader.ts';
import type { Identifier } from '../model/identity.ts';
import type { UncachedReason } from '../reporting/report.ts';
import { currentLoaded, currentPart } from './ambient.ts';
import { Body } from './body.ts';
import type { Engine } from './engine.ts';

/** The lazy, view or request that some code belongs to, which depends on what that code loads. */
export interface Loader {
  /** Adds what is loaded: its names, with the tokens that they had before. */
  add(part: Body): void;
  /** Keeps it, and the pages that it renders, from being stored. */
  refuse(reason: UncachedReason): void;
  /** Notes that what is loaded may belong to one visitor. */
  markPersonal(): void;
}

/** What code outside of templates needs that tells what it loads, such as the clients of HTTP APIs. */
export class Loading {
  readonly identifier: Identifier;
  readonly #engine: Engine;
  /** Told of errors that nobody waits for. */
  readonly report: (error: unknown) => void;

  constructor(engine: Engine, report: (error: unknown) => void) {
    this.#engine = engine;
    this.identifier = engine.identifier;
    this.report = report;
  }

  /** Whether the sweeper is closed. */
  get isClosed(): boolean {
    return this.#engine.isClosed;
  }

  now(): number {
    return this.#engine.settings.now();
  }

  /** Returns what the running code loads for; undefined if no page will show it. */
  loader(): Loader | undefined {
    const loaded = currentLoaded();
    if (loaded === undefined) return undefined;
    const body = currentPart()?.body;
    const add = (part: Body): void => {
      if (part.uncached !== undefined) body?.refuse(part.uncached);
      body?.include(part);
      loaded.add(part);
    };
    return {
      add,
      refuse: (reason) => add(new Body(undefined, reason)),
      // What a page is given is compared, unlike what a lazy returns or a view answers.
      markPersonal: () => body?.refuse('credentials'),
    };
  }

  /** Reads the tokens of names. Call it before the data is loaded. */
  async tokens(names: Iterable<string>): Promise<Body> {
    const reader = this.#engine.reader(true);
    const all = [...new Set(names)];
    for (const name of all) reader.token(name);
    while (reader.isPending) await reader.ask();
    const body = new Body();
    for (const name of all) {
      // The name was changed in the transaction around, which no other connection can see yet.
      const token = this.#engine.isUncommitted(name) ? UNKNOWN : reader.token(name);
      if (typeof token === 'string') body.dependencies.add(name, token);
      else body.refuse('unknown token');
    }
    return body;
  }

  /**
   * Whether one of the names may have been bumped after the data was made.
   *
   * @param since when it was made, or later, in milliseconds since 1970
   */
  isLate({ dependencies }: Body, since: number): boolean {
    if (dependencies.tokens.size === 0) return false;
    return tokenTime(dependencies.youngest()) >= since - (this.#engine.settings.store === undefined ? 0 : CLOCK_SKEW);
  }
}
