import cluster from 'node:cluster';
import { BUMP_TIMEOUT, type SharedTokens } from '../cache/shared/shared-tokens.ts';
import { mintToken, type Token, tokenRecord } from '../cache/token.ts';
import { CacheSweeperError } from '../errors.ts';
import { EVERYTHING, typeOfName } from '../model/names.ts';
import type { Settings } from '../options.ts';
import type { Tokens } from '../render/engine.ts';
import { digest } from '../util/digest.ts';
import type { BumpListener } from './bump-listener.ts';
import type { Changes } from './changes.ts';

/** Gives names new tokens, in this process or in the store. */
export class Bumps {
  readonly #tokens: Tokens;
  readonly #settings: Settings;
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listener: BumpListener;
  #hasLooked = false;

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
    const tokens = await this.#read(
      new Set([...conditional.keys()].flatMap((own) => [EVERYTHING, typeOfName(own), own])),
    );
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
    if ('local' in this.#tokens) {
      const now = this.#settings.now();
      for (const name of names) this.#tokens.local.set(name, mintToken(now, records.get(name)));
      this.#warnOfOtherWorkers();
      this.#listener.tell([...names]);
      return;
    }
    // A transaction may collect more names in its set meanwhile.
    const all = [...names];
    const bump = this.#bumpShared(this.#tokens.tokens, all, records, () => started + BUMP_TIMEOUT - performance.now());
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
  async #bumpShared(
    shared: SharedTokens,
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    left: () => number,
  ): Promise<readonly string[]> {
    if (records.size === 0) return shared.bump(names, NO_RECORDS, left());
    const others = names.filter((name) => !records.has(name));
    const lost = await shared.bump(others, NO_RECORDS, left());
    const recorded = await shared.bump([...records.keys()], lost.length === 0 ? records : NO_RECORDS, left());
    return [...lost, ...recorded];
  }

  async #read(names: ReadonlySet<string>): Promise<ReadonlyMap<string, Token>> {
    if ('local' in this.#tokens) {
      const { local } = this.#tokens;
      return new Map(Array.from(names, (name) => [name, local.get(name)]));
    }
    return (await this.#tokens.tokens.read([...names], this.#settings.timeout)).tokens;
  }

  #warnOfOtherWorkers(): void {
    if (this.#hasLooked) return;
    this.#hasLooked = true;
    if (!(cluster.isWorker || 'NODE_APP_INSTANCE' in process.env || 'pm_id' in process.env)) return;
    process.emitWarning(
      'this process is one of several workers, and its sweeper has no store: what is invalidated here stays cached in the ' +
        'others. Give all of them one store',
      { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_LOCAL_BUMP' },
    );
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
