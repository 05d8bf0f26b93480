import type { Dependencies } from '../cache/dependencies.ts';
import type { Token } from '../cache/token.ts';
import { PENDING, type TokenReader, UNKNOWN } from '../cache/token-reader.ts';
import type { Identity } from '../model/identity.ts';
import { dependencyNames } from '../model/names.ts';
import { guardOf } from '../model/sparse-names.ts';
import { Body } from '../render/body.ts';
import type { Engine } from '../render/engine.ts';

/** Longest time that a view's token is kept for it, and what is added for views stored later, in seconds. */
const MAX_CLAIM = 29 * 24 * 60 * 60;
const CLAIM_MARGIN = 24 * 60 * 60;

/**
 * The tokens of what a view depends on, as one request finds them. Names of views have no token until a view is stored;
 * until then the token of its guard stands for each of them.
 */
export class ViewTokens {
  readonly reader: TokenReader;
  readonly #engine: Engine;
  /** Names that the view depends on and that have no token, each with the token of its guard. */
  readonly #guards = new Map<string, Token>();

  constructor(engine: Engine) {
    this.#engine = engine;
    this.reader = engine.reader(true);
  }

  /** Names that the view depends on and that have no token yet. */
  get newNames(): Iterable<string> {
    return this.#guards.keys();
  }

  /** How many names have no token yet. While there are any, nothing is stored that depends on all of the view's names. */
  get missing(): number {
    return this.#guards.size;
  }

  /** Returns a name's token, or that of its guard, as far as it is known. */
  of(name: string): ReturnType<TokenReader['token']> {
    return this.#guards.get(name) ?? this.reader.token(name);
  }

  /** Returns a name's token for a key. */
  text(name: string): string {
    const token = this.reader.token(name);
    return token === PENDING || token === UNKNOWN ? '' : token;
  }

  /** Asks for the tokens of names, of which {@link of} then knows as much as can be known. */
  async ask(names: Iterable<string>): Promise<void> {
    for (const name of names) this.of(name);
    while (this.reader.isPending) await this.reader.ask();
  }

  /** Whether these are the tokens that this request finds. */
  async are(tokens: ReadonlyMap<string, Token>): Promise<boolean> {
    await this.ask(tokens.keys());
    for (const [name, token] of tokens) if (this.of(name) !== token) return false;
    return true;
  }

  /** Returns the tokens of some names that are known without asking, and those of all guards. */
  known(names: Iterable<string>): Map<string, Token> {
    const tokens = new Map<string, Token>(this.#guards);
    for (const name of names) {
      const token = this.reader.knownToken(name);
      if (token !== undefined) tokens.set(name, token);
    }
    return tokens;
  }

  /**
   * Returns a body with the tokens of all names that the models depend on. Names that have no token get one when the view
   * is stored, and join its dependencies then.
   */
  async depend(models: readonly Identity[]): Promise<Body> {
    const { reader } = this;
    const names = new Set(models.flatMap(dependencyNames));
    const body = new Body();
    for (const name of names) reader.token(name);
    while (reader.isPending) await reader.ask();
    const missing = new Set([...names].filter((name) => reader.isMissing(name)));
    for (const name of missing) reader.token(guardOf(name));
    while (reader.isPending) await reader.ask();
    for (const name of names) {
      const isMissing = missing.has(name);
      // The name was changed in the transaction around, which no other connection can see yet.
      const token = this.#engine.isUncommitted(name) ? UNKNOWN : reader.token(isMissing ? guardOf(name) : name);
      if (typeof token !== 'string') body.uncached ??= 'unknown token';
      else if (isMissing) this.#guards.set(name, token);
      else body.dependencies.add(name, token);
    }
    return body;
  }

  /** Returns the youngest token: those of guards tell when something was bumped last; those made for the view do not. */
  youngest(dependencies: Dependencies): Token {
    let youngest = dependencies.youngest();
    for (const guard of this.#guards.values()) if (guard > youngest) youngest = guard;
    return youngest;
  }

  /**
   * Makes tokens for the names that have none, and adds them to the dependencies of a view that is about to be stored. False if
   * one of them was bumped since the request began.
   */
  async claim(dependencies: Dependencies): Promise<boolean> {
    const now = this.#engine.settings.now();
    if (dependencies.expires <= now) return false;
    const left = (dependencies.staleUntil - now) / 1_000;
    const ttl = Math.ceil(Math.min(left, MAX_CLAIM) + CLAIM_MARGIN);
    if (!(await this.reader.claim(this.#guards, ttl))) return false;
    for (const name of this.#guards.keys()) dependencies.add(name, this.text(name));
    return true;
  }
}
