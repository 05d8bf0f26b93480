import { hostname } from 'node:os';
import type { SharedCauses } from '../cache/shared/shared-causes.ts';
import { type Token, tokenTime } from '../cache/token.ts';
import type { BumpCause, RecentBump } from '../reporting/cause.ts';
import type { BumpedNames } from '../reporting/report.ts';
import { Background } from '../util/background.ts';
import { callSite } from '../util/call-site.ts';
import { lru } from '../util/lru.ts';
import { currentRequest, hearRequests } from './current-request.ts';

/** Tokens of which this process knows what made them. */
const MAX_TOKENS = 10_000;
/** Names of one bump whose cause is kept. One of more is hardly looked up by each. */
const MAX_NAMES = 100;
/** Bumps that {@link Causes.recent} lists, and names of each. */
const MAX_RECENT = 100;
const MAX_RECENT_NAMES = 10;

/** Longest text of each part of a cause, in characters. */
const MAX_PART = 200;
/** Reports that wait at one time for what the store knows of their causes. Further ones do without. */
const MAX_ASKING = 100;

/** By name, what changed what it stands for. */
export type CausesOfNames = ReadonlyMap<string, BumpCause>;

/**
 * Remembers what made tokens: the option `causes`. The cause belongs to the token and not to the name, so that it is never that of
 * another bump; where it is lost, it is unknown.
 */
export class Causes {
  readonly #now: () => number;
  readonly #shared: SharedCauses | undefined;
  readonly #known = lru<BumpCause>(MAX_TOKENS);
  readonly #recent: RecentBump[] = [];
  readonly #asking = new Background(MAX_ASKING);
  readonly #process = `${hostname()}:${process.pid}`;

  /** @param shared where other processes find them; undefined without a store */
  constructor(now: () => number, shared: SharedCauses | undefined) {
    this.#now = now;
    this.#shared = shared;
    hearRequests();
  }

  /** The last bumps of this process, the youngest first. */
  get recent(): readonly RecentBump[] {
    return [...this.#recent].reverse();
  }

  /** Returns the cause of changes that the running code makes, by name. */
  of(names: Iterable<string>, by: string): CausesOfNames {
    const cause: BumpCause = {
      by: kept(by),
      at: kept(callSite()),
      request: kept(currentRequest()),
      time: this.#now(),
      process: this.#process,
    };
    return new Map([...names].map((name) => [name, cause]));
  }

  /** Remembers what made tokens. */
  made(names: readonly string[], tokens: readonly Token[], causes: CausesOfNames): void {
    const known = new Map<Token, BumpCause>();
    const byCause = new Map<BumpCause, string[]>();
    names.forEach((name, i) => {
      const cause = causes.get(name);
      if (cause === undefined) return;
      const token = tokens[i] as Token;
      this.#known.set(token, cause);
      if (known.size < MAX_NAMES) known.set(token, cause);
      const together = byCause.get(cause);
      if (together === undefined) byCause.set(cause, [name]);
      else together.push(name);
    });
    for (const [cause, all] of byCause) {
      this.#recent.push({ names: all.slice(0, MAX_RECENT_NAMES), count: all.length, cause });
    }
    this.#recent.splice(0, Math.max(0, this.#recent.length - MAX_RECENT));
    this.#shared?.write(known);
  }

  /**
   * Completes the reports of fragments and views whose models were bumped.
   *
   * @param told called then: at once, or later where the store has to be asked, for which no page waits
   */
  complete(bumped: BumpedNames, told: () => void): void {
    const asked = new Set<Token>();
    for (const names of bumped.values()) {
      for (const { token } of names) if (!this.#known.has(token)) asked.add(token);
    }
    const shared = this.#shared;
    const ask = async (): Promise<void> => {
      const found = await shared?.read([...asked].slice(0, MAX_TOKENS));
      for (const [token, cause] of found ?? []) this.#known.set(token, cause);
      this.#fill(bumped);
      told();
    };
    if (shared !== undefined && asked.size > 0 && this.#asking.start(ask)) return;
    this.#fill(bumped);
    told();
  }

  /** Resolves when no cause is on its way to or from the store. */
  async idle(): Promise<void> {
    await Promise.all([this.#asking.idle(), this.#shared?.idle()]);
  }

  /** Names the last bump whose cause is known; without any, the last. */
  #fill(bumped: BumpedNames): void {
    for (const [report, names] of bumped) {
      const [last, ...others] = [...names].sort((a, b) => tokenTime(b.token) - tokenTime(a.token));
      if (last === undefined) continue;
      const { name, token } = [last, ...others].find((each) => this.#known.has(each.token)) ?? last;
      report.cause = { why: 'bumped', name, bump: this.#known.get(token) };
    }
  }
}

/** Returns a short copy of a text. A part of a text keeps the whole one in memory: a stack, or the head of a request. */
function kept<T extends string | undefined>(text: T): T {
  return (text && Buffer.from(text.slice(0, MAX_PART)).toString()) as T;
}

/** Returns changes with what made them, if that is to be kept and not known yet. */
export function withCauses<C extends CausedChanges>(changes: C, causes: Causes | undefined, by: string): C {
  if (causes === undefined || changes.causes !== undefined) return changes;
  const conditional = [...changes.conditional.values()].flatMap(({ names }) => [...names]);
  return { ...changes, causes: causes.of([...changes.names, ...conditional], by) };
}

/** The part of changes that tells what made them. */
interface CausedChanges {
  readonly names: ReadonlySet<string>;
  readonly conditional: ReadonlyMap<string, { readonly names: ReadonlySet<string> }>;
  readonly causes?: CausesOfNames | undefined;
}
