import cluster from 'node:cluster';
import { LocalTokens } from './local-tokens.ts';
import { mintToken, type Token } from './token.ts';
import { LocalTokenReader, type TokenReader } from './token-reader.ts';
import type { Tokens } from './tokens.ts';

/** Keeps the tokens of a sweeper without a store, in this process. */
export class ProcessTokens implements Tokens {
  readonly #tokens = new LocalTokens();
  readonly #now: () => number;
  #hasLooked = false;

  constructor(now: () => number) {
    this.#now = now;
  }

  get size(): number {
    return this.#tokens.size;
  }

  reader(): TokenReader {
    return new LocalTokenReader(this.#tokens);
  }

  async read(names: readonly string[]): Promise<ReadonlyMap<string, Token>> {
    return new Map(names.map((name) => [name, this.#tokens.get(name)]));
  }

  async bump(
    names: readonly string[],
    records: ReadonlyMap<string, string>,
    _timeout: number,
    made?: (tokens: readonly Token[]) => void,
  ): Promise<readonly string[]> {
    const now = this.#now();
    const tokens = names.map((name) => mintToken(now, records.get(name)));
    made?.(tokens);
    names.forEach((name, i) => {
      this.#tokens.set(name, tokens[i] as Token);
    });
    this.#warnOfOtherWorkers();
    return NONE;
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

const NONE: readonly never[] = [];
