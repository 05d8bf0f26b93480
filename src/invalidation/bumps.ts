import { BUMP_TIMEOUT } from '../cache/shared/shared-tokens.ts';
import { type Token, tokenRecord } from '../cache/token.ts';
import type { Tokens } from '../cache/tokens.ts';
import { CacheSweeperError } from '../errors.ts';
import { EVERYTHING, typeOfName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { digest } from '../util/digest.ts';
import { shownNames } from '../util/shown.ts';
import type { BumpListener } from './bump-listener.ts';
import type { Causes, CausesOfNames } from './causes.ts';
import type { Changes } from './changes.ts';

/** Bumps names, in this process or in the store. */
export class Bumps {
  readonly #tokens: Tokens;
  readonly #settings: Settings;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listener: BumpListener;
  readonly #causes: Causes | undefined;

  /** @param causes told what made the tokens; undefined without the option `causes` */
  constructor(tokens: Tokens, settings: Settings, listener: BumpListener, causes: Causes | undefined) {
    this.#causes = causes;
    this.#listener = listener;
    this.#tokens = tokens;
    this.#settings = settings;
  }

  /**
   * Bumps the names of changes. A change with a `using` attribute is skipped if that attribute is the recorded one
   * and fine enough to tell two saves apart.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED when the store did not acknowledge all names
   */
  async deliver({ names, conditional, causes }: Changes): Promise<void> {
    const started = performance.now();
    if (conditional.size === 0) return this.#send(names, NO_RECORDS, started, causes);
    const bumped = new Set(names);
    const records = new Map<string, string>();
    const asked = new Set([...conditional.keys()].flatMap((own) => [EVERYTHING, typeOfName(own), own]));
    const tokens = await this.#tokens.read([...asked], this.#settings.timeout);
    for (const [own, change] of conditional) {
      const record = recordOf(change.recorded, own, tokens);
      const isSame = record !== undefined && tokenRecord(tokens.get(own) ?? '') === record;
      if (isSame && !change.counts && !names.has(own)) continue;
      for (const name of change.names) bumped.add(name);
      // If the model was also changed without its attribute, record nothing, because it is unknown which change was
      // last.
      if (!names.has(own) && record !== undefined) records.set(own, record);
    }
    return this.#send(bumped, records, started, causes);
  }

  /**
   * @param records digests of the `using` attributes to record, by name
   * @param started when the time limit began, by `performance.now()`
   */
  async #send(
    names: ReadonlySet<string>,
    records: ReadonlyMap<string, string>,
    started: number,
    causes: CausesOfNames | undefined,
  ): Promise<void> {
    // Copy the set: a transaction may still add names to it.
    const all = [...names];
    const bump = this.#bump(all, records, () => started + BUMP_TIMEOUT - performance.now(), causes);
    this.#underWay.add(bump);
    const lost = await bump.finally(() => this.#underWay.delete(bump));
    const failed = new Set(lost);
    this.#listener.tell(all.filter((name) => !failed.has(name)));
    if (lost.length > 0) {
      throw bumpFailed(lost, 'not acknowledged by the store; they are tried again in the background');
    }
  }

  /** Resolves when no bump is under way. Each of a bump's writes takes a second at most. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /**
   * Writes names with a recorded attribute last, and records it only if all others succeeded. A record says that all
   * names of the change were bumped; after a failure, the next call must not find it and skip the bump.
   */
  async #bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    left: () => number,
    causes: CausesOfNames | undefined,
  ): Promise<readonly string[]> {
    const bump = (some: readonly string[], recorded: ReadonlyMap<string, string>) =>
      this.#tokens.bump(some, recorded, left(), causes && ((tokens) => this.#causes?.made(some, tokens, causes)));
    if (records.size === 0) return bump(names, NO_RECORDS);
    const others = names.filter((name) => !records.has(name));
    const lost = await bump(others, NO_RECORDS);
    const recorded = await bump([...records.keys()], lost.length === 0 ? records : NO_RECORDS);
    return [...lost, ...recorded];
  }
}

const NO_RECORDS: ReadonlyMap<string, string> = new Map();

/**
 * Returns the digest to record for an attribute; undefined if a token cannot be read. It includes the tokens of the
 * type and of `*`, because a bump of these means that any row may have changed.
 */
function recordOf(attribute: string, own: string, tokens: ReadonlyMap<string, Token>): string | undefined {
  const all = tokens.get(EVERYTHING);
  const type = tokens.get(typeOfName(own));
  return all === undefined || type === undefined ? undefined : digest(`${attribute} ${all} ${type}`, 11);
}

export function bumpFailed(names: readonly string[], why: string): CacheSweeperError {
  return new CacheSweeperError('CACHESWEEPER_BUMP_FAILED', `${shownNames(names)}: ${why}`, { names });
}
