import type { FamilyName } from './scenarios.ts';

/** The library with one of its protections taken out: a piece of its source, and what stands there instead. */
export interface Mutant {
  /** The scenarios that show what it breaks. */
  readonly foundBy: FamilyName;
  readonly protection: string;
  /** Below `src/`. */
  readonly file: string;
  /** Must be there exactly once. */
  readonly text: string;
  readonly instead: string;
}

export const mutants = {
  'a token is a counter that restarts at 0': {
    foundBy: 'one reader, a save, the token is lost, 2 s pass',
    protection: 'a lost token is replaced by one never used before',
    file: 'cache/shared/shared-tokens.ts',
    text: 'const making = this.#mint(missing);',
    instead: "const making = missing.map(() => '0'.repeat(20));",
  },
  'a missing token is set and not added': {
    foundBy: 'two readers, one knows since when, a save, 2 s pass',
    protection: 'of those that miss a token at one time one is elected',
    file: 'cache/shared/shared-tokens.ts',
    text: "this.#store.addMany('token', this.#items(missing, making), writing),",
    instead:
      "this.#store.setMany('token', this.#items(missing, making), writing).then((all) => all.map((done) => (done ? 'added' : 'unknown'))),",
  },
  'a token is sent again later': {
    foundBy: 'one reader, two saves',
    protection: 'a token is never sent twice',
    file: 'cache/shared/shared-tokens.ts',
    text: 'const lost = names.filter((_, i) => !acknowledged[i]);',
    instead: `const lost = names.filter((_, i) => !acknowledged[i]);
    void sleep(100).then(() => this.#store.setMany('token', this.#items(names, tokens), BUMP_TIMEOUT));`,
  },
  'a lost token is sent again as it was': {
    foundBy: 'one reader, a save in its process, a call fails',
    protection: 'what is tried again has a fresh token',
    file: 'cache/shared/shared-tokens.ts',
    text: 'this.#lose(lost);',
    instead: "void sleep(50).then(() => this.#store.setMany('token', this.#items(lost, tokens), BUMP_TIMEOUT));",
  },
  'a lost bump is not tried again': {
    foundBy: 'one reader, a save, a call fails',
    protection: 'a lost bump is retried until it is delivered',
    file: 'cache/shared/shared-tokens.ts',
    text: 'this.#startRetry();\n  }\n\n  #startRetry',
    instead: 'this.#lost.clear();\n  }\n\n  #startRetry',
  },
  'a name whose bump was lost is known': {
    foundBy: 'one reader, a save in its process, a call fails',
    protection: 'what was bumped here and not acknowledged is unknown',
    file: 'cache/shared/shared-tokens.ts',
    text: 'for (const name of [...uncertain, ...this.#uncertainOf(names)]) tokens.delete(name);',
    instead: '',
  },
  'a name counts as known when its bump was delivered while its token was on its way': {
    foundBy: 'one reader, a save in its process, two calls fail',
    protection: 'what was read before a lost bump was delivered is unknown',
    file: 'cache/shared/shared-tokens.ts',
    text: '...uncertain, ',
    instead: '',
  },
  'a read of tokens joins one that is under way': {
    foundBy: 'two readers in one process, a save, a call fails',
    protection: 'a page’s tokens are read after it began',
    file: 'cache/shared/batcher.ts',
    text: 'if (this.#batches.get(timeout) === batch) this.#batches.delete(timeout);\n        resolve(this.#send(batch.all === undefined ? first : [...batch.all], timeout));',
    instead: `const sent = this.#send([...(batch.all ?? first)], timeout);
        resolve(sent);
        void sent.then(() => this.#batches.delete(timeout));`,
  },
  'nothing is provisional': {
    foundBy: 'one reader, a save, the token is lost, 2 s pass',
    protection: 'what may be made from data older than its tokens lives as long as promise 2 says',
    file: 'cache/new-entry.ts',
    text: 'const isLate = youngest >= since - (store === undefined ? 0 : CLOCK_SKEW);',
    instead: 'const isLate = false;',
  },
  'what is late lives a millisecond too long': {
    foundBy: 'one reader, a save, the token is lost, 2 s pass',
    protection: 'what is late ends maxDataAge and a second of clock skew after the last bump',
    file: 'cache/new-entry.ts',
    text: 'CLOCK_SKEW + 1)',
    instead: 'CLOCK_SKEW + 2)',
  },
  'clocks are all alike': {
    foundBy: 'one reader that knows since when, a save by a clock that is a second late, 2 s pass',
    protection: 'a second of clock skew is allowed for',
    file: 'cache/new-entry.ts',
    text: 'since - (store === undefined ? 0 : CLOCK_SKEW)',
    instead: 'since',
  },
  'a page’s data is as young as its render': {
    foundBy: 'one reader, a save, the token is lost, 2 s pass',
    protection: 'data may have been read maxDataAge before its render',
    file: 'render/render.ts',
    text: 'Math.min(since ?? now - settings.maxDataAge, now)',
    instead: 'now',
  },
  'only what is late itself ends early': {
    foundBy: 'a reader of a part, one of the page around it that knows since when, a save of the part, 2 s pass',
    protection: 'what is around a provisional fragment ends with it',
    file: 'cache/dependencies.ts',
    text: 'this.endAt(entry.expires, entry.expires + entry.stale);',
    instead: '',
  },
  'a hit hands nothing up': {
    foundBy: 'one reader, saves of a row and of one inside',
    protection: 'what a hit was made from, the fragment around it was made from',
    file: 'render/fragments.ts',
    text: 'this.bodies.current.dependencies.addEntry(entry);',
    instead: '',
  },
  'a body hands nothing up': {
    foundBy: 'one reader, saves of a row and of one inside',
    protection: 'what a body was made from, the fragment around it was made from',
    file: 'render/fragment-maker.ts',
    text: "if (!('reads' in found)) body.refuse(found.uncached);\n    body.close();",
    instead: '',
  },
  'an unknown token is taken for missing': {
    // What it depends on is asked for by itself only where nobody knows yet what the page will need.
    foundBy:
      'a process new to the page that knows since when, a save, 2 s pass, a save of what it depends on, a call fails',
    protection: 'what depends on a token that could not be read is not stored',
    file: 'render/fragment-maker.ts',
    text: "if (token === UNKNOWN) body.uncached ??= 'unknown token';",
    instead: 'if (token === UNKNOWN) continue;',
  },
  'an unknown token does no harm to an entry': {
    foundBy: 'one reader, a save of what it depends on, a call fails',
    protection: 'an entry is served only if all its tokens are known',
    file: 'cache/entries.ts',
    text: "if (reader.lastRead(dependencies[i] as string) !== dependencies[i + 1]) return 'invalid';",
    instead: '',
  },
  'only the own token of an entry is compared': {
    foundBy: 'one reader, saves of a row and of one inside',
    protection: 'an entry is served only if all its tokens are equal now',
    file: 'cache/entries.ts',
    text: 'i < dependencies.length; i += 2) {\n      const token = reader.token(',
    instead: 'i < 6; i += 2) {\n      const token = reader.token(',
  },
  'an entry in memory is served without being judged': {
    foundBy: 'one reader, saves of a row and of one inside',
    protection: 'the memory tier is judged by the store’s tokens',
    file: 'render/fragments.ts',
    text: "if (verdict !== 'invalid') return this.#serve(use, entry, 'hit');",
    instead: "return this.#serve(use, entry, 'hit');",
  },
  'what was shown before its tokens were known is not judged': {
    foundBy: 'one reader, saves of a row and of one inside',
    protection: 'a page that ran while its tokens were on their way counts only if all it showed is valid',
    file: 'render/fragments.ts',
    text: "return pass.assumed.every((entry) => this.#entries.judge(entry, reader) === 'valid');",
    instead: 'return true;',
  },
  'a stale entry in memory hides the store’s': {
    foundBy: 'one reader, saves of a row and of one it depends on',
    protection: 'what memory does not have, or not as it is now, is looked for in the store',
    file: 'render/fragments.ts',
    text: 'const far = stored && this.#findFar(use, stored);',
    instead:
      'const far = stored && this.#entries.inMemory(key.memoryKey).length === 0 ? this.#findFar(use, stored) : undefined;',
  },
  'the clock is not looked at': {
    foundBy: 'one reader, a save, the token is lost, 2 s pass',
    protection: 'an entry ends when it expires, wherever it is',
    file: 'cache/entries.ts',
    text: "if (expires !== Number.POSITIVE_INFINITY && expires <= this.#now()) return 'invalid';",
    instead: '',
  },
  'stale after a bump': {
    foundBy: 'two readers in one process of what has expired, a save',
    protection: 'what has expired is served stale only if all its tokens are equal now',
    file: 'cache/entries.ts',
    text: "const verdict = this.#judgeTokens(dependencies, reader);\n    return verdict === 'outage' ? 'invalid' : verdict;",
    instead: "return 'valid';",
  },
  'outage past an own bump': {
    foundBy: 'in an outage: one reader, a save in its process, a call fails',
    protection: 'what this process has bumped is not served by the tokens that were read last',
    file: 'cache/shared/last-reads.ts',
    text: 'for (const name of names) this.#bumped.set(name, this.#bumps);',
    instead: '',
  },
  'a read that was sent before an own bump counts after it': {
    foundBy: 'in an outage: two readers, a save in their process, two calls fail',
    protection: 'a token that was read before a bump ended is not the last one',
    file: 'cache/shared/shared-tokens.ts',
    text: 'this.#lastReads.note(name, token, sent);',
    instead: 'this.#lastReads.note(name, token, { ...sent, bumps: this.#lastReads.sending()?.bumps ?? 0 });',
  },
  'an outage lasts for ever': {
    foundBy: 'in an outage: one reader, a save, 2.9 s pass, a call fails',
    protection: 'the tokens that were read last count for as long as the option says',
    file: 'cache/shared/last-reads.ts',
    text: 'return age <= this.#outage ? read : undefined;',
    instead: 'return age >= 0 ? read : undefined;',
  },
  'a waiter takes what another page has made as it is': {
    foundBy: 'two readers who load two rows, in one process, a save of the one that they depend on',
    protection: 'what another page has made is judged by the tokens of the page that waited',
    file: 'render/fragments.ts',
    text: "if (verdict !== 'valid') continue;\n      // This process",
    instead: '// This process',
  },
  'a waiter takes what another process has made as it is': {
    foundBy: 'two readers who load, in two processes, a save of what they depend on',
    protection: 'what another process has made is judged by the tokens of the page that waited',
    file: 'render/fragments.ts',
    text: "if (verdict !== 'valid') return undefined;\n    addTo(found",
    instead: 'addTo(found',
  },
  'using= is not in the key': {
    foundBy: 'one reader, a save, the token is lost',
    protection: 'using: the attribute is part of the key',
    file: 'render/fragment-key.ts',
    text: 'const using = usingText(model, operands.using);',
    instead: "const using = usingText(model, operands.using) === '' ? '' : EMPTY_LIST;",
  },
} as const satisfies Record<string, Mutant>;

export type MutantName = keyof typeof mutants;
