import { BUMP_TIMEOUT } from '../cache/shared/shared-tokens.ts';
import { type Token, tokenRecord } from '../cache/token.ts';
import type { Tokens } from '../cache/tokens.ts';
import { CacheSweeperError } from '../errors.ts';
import { EVERYTHING, typeOfName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import { digest } from '../util/digest.ts';
import type { BumpListener } from './bump-listener.ts';
import type { Changes } from './changes.ts';

/** Gives names new tokens, wherever they are kept. */
export class Bumps {
  readonly #tokens: Tokens;
  readonly #settings: Settings;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listener: BumpListener;

  constructor(tokens: Tokens, settings: Settings, listener: BumpListener) {
    this.#listener = listener;
    this.#tokens = tokens;
    this.#settings = settings;
  }

  /**
   * Bumps what was changed; of the changes that name an attribute only those whose attribute is not the recorded one.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED when the store did not acknowledge all of them
   */
  async deliver({ names, conditional }: Changes): Promise<void> {
    const started = performance.now();
    if (conditional.size === 0) return this.#send(names, NO_RECORDS, started);
    const bumped = new Set(names);
    const records = new Map<string, string>();
    const asked = new Set([...conditional.keys()].flatMap((own) => [EVERYTHING, typeOfName(own), own]));
    const tokens = await this.#tokens.read([...asked], this.#settings.timeout);
    for (const [own, change] of conditional) {
      const record = recordOf(change.recorded, own, tokens);
      const isSame = record !== undefined && tokenRecord(tokens.get(own) ?? '') === record;
      if (isSame && !names.has(own)) continue;
      for (const name of change.names) bumped.add(name);
      // Changed without its attribute having been told as well: nobody knows which came last.
      if (!names.has(own) && record !== undefined) records.set(own, record);
    }
    return this.#send(bumped, records, started);
  }

  /**
   * @param records digests of the `using` attributes to record, by name
   * @param started when its deadline began, by `performance.now()`
   */
  async #send(names: ReadonlySet<string>, records: ReadonlyMap<string, string>, started: number): Promise<void> {
    // A transaction may collect more names in its set meanwhile.
    const all = [...names];
    const bump = this.#bump(all, records, () => started + BUMP_TIMEOUT - performance.now());
    this.#underWay.add(bump);
    const lost = await bump.finally(() => this.#underWay.delete(bump));
    const failed = new Set(lost);
    this.#listener.tell(all.filter((name) => !failed.has(name)));
    if (lost.length > 0) {
      throw bumpFailed(lost, 'not acknowledged by the store; they are tried again in the background');
    }
  }

  /** Resolved when no bump is under way; each takes a second at most for each of its writes. */
  async idle(): Promise<void> {
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  /**
   * A recorded attribute says that everything was swept for it: it is written last, and only if that is so. Otherwise the
   * next call would find it, and do nothing.
   */
  async #bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    left: () => number,
  ): Promise<readonly string[]> {
    const tokens = this.#tokens;
    if (records.size === 0) return tokens.bump(names, NO_RECORDS, left());
    const others = names.filter((name) => !records.has(name));
    const lost = await tokens.bump(others, NO_RECORDS, left());
    const recorded = await tokens.bump([...records.keys()], lost.length === 0 ? records : NO_RECORDS, left());
    return [...lost, ...recorded];
  }
}

const NO_RECORDS: ReadonlyMap<string, string> = new Map();

/**
 * What is recorded of an attribute: under these tokens of the type and of everything, since a sweep of them says that any
 * row may have been changed. Undefined when one cannot be read.
 */
function recordOf(attribute: string, own: string, tokens: ReadonlyMap<string, Token>): string | undefined {
  const all = tokens.get(EVERYTHING);
  const type = tokens.get(typeOfName(own));
  return all === undefined || type === undefined ? undefined : digest(`${attribute} ${all} ${type}`, 11);
}

export function bumpFailed(names: readonly string[], why: string): CacheSweeperError {
  const shown = names.slice(0, 10).join(', ');
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return new CacheSweeperError('CACHESWEEPER_BUMP_FAILED', `${shown}${more}: ${why}`, { names });
}
