import cluster from 'node:cluster';
import { CacheSweeperError } from '../errors.ts';
import { mintToken, tokenRecord } from '../fragment/token.ts';
import type { Settings } from '../options.ts';
import type { SharedTokens } from '../stores/shared-tokens.ts';
import type { Tokens } from './engine.ts';

/** Gives names new tokens, in this process or in the store. */
export class Bumps {
  readonly #tokens: Tokens;
  readonly #settings: Settings;
  #hasWarned = false;

  constructor(tokens: Tokens, settings: Settings) {
    this.#tokens = tokens;
    this.#settings = settings;
  }

  /**
   * @param names with the digest of the `using` attribute to record, if any
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED when the store did not acknowledge all of them
   */
  async send(names: ReadonlyMap<string, string | undefined>): Promise<void> {
    if ('local' in this.#tokens) {
      const now = this.#settings.now();
      for (const [name, recorded] of names) this.#tokens.local.set(name, mintToken(now, recorded));
      this.#warnOfOtherWorkers();
      return;
    }
    const lost = await this.#bumpShared(this.#tokens.tokens, names);
    if (lost.length > 0) {
      throw bumpFailed(lost, 'not acknowledged by the store; they are tried again in the background');
    }
  }

  /**
   * A recorded attribute says that everything was swept for it: it is written last, and only if that is so. Otherwise the
   * next call would find it, and do nothing.
   */
  async #bumpShared(shared: SharedTokens, names: ReadonlyMap<string, string | undefined>): Promise<readonly string[]> {
    const recorded = new Map([...names].filter(([, record]) => record !== undefined));
    if (recorded.size === 0) return shared.bump(names);
    const lost = await shared.bump(new Map([...names].filter(([, record]) => record === undefined)));
    const own = lost.length === 0 ? recorded : new Map(Array.from(recorded.keys(), (name) => [name, undefined]));
    return [...lost, ...(await shared.bump(own))];
  }

  /** What the tokens of names have recorded of the `using` attribute; a token that cannot be read has nothing. */
  async recorded(names: readonly string[]): Promise<ReadonlyMap<string, string | undefined>> {
    if ('local' in this.#tokens) {
      const { local } = this.#tokens;
      return new Map(names.map((name) => [name, tokenRecord(local.get(name))]));
    }
    const { tokens } = await this.#tokens.tokens.read(names, this.#settings.timeout);
    return new Map(Array.from(tokens, ([name, token]) => [name, tokenRecord(token)]));
  }

  #warnOfOtherWorkers(): void {
    if (this.#hasWarned || !(cluster.isWorker || 'NODE_APP_INSTANCE' in process.env || 'pm_id' in process.env)) return;
    this.#hasWarned = true;
    process.emitWarning(
      'this process is one of several workers, and its sweeper has no store: what is invalidated here stays cached in the ' +
        'others. Give all of them one store',
      { type: 'CacheSweeperWarning', code: 'CACHESWEEPER_LOCAL_BUMP' },
    );
  }
}

export function bumpFailed(names: readonly string[], why: string): CacheSweeperError {
  const shown = names.slice(0, 10).join(', ');
  const more = names.length > 10 ? ` and ${names.length - 10} more` : '';
  return new CacheSweeperError('CACHESWEEPER_BUMP_FAILED', `${shown}${more}: ${why}`, { names });
}
