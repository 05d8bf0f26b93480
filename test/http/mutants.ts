import type { Edit } from '../freshness/mutants-plugin.ts';
import type { ProtectionName } from './protections.ts';

/** The clients of HTTP APIs with one of their protections taken out. */
interface HttpMutant {
  readonly protection: ProtectionName;
  readonly edits: readonly Edit[];
}

const edit = (path: string, text: string, instead: string): Edit => ({ file: `http-api/${path}`, text, instead });

export const httpMutants: Readonly<Record<string, HttpMutant>> = {
  'the collection above is not invalidated': {
    protection: 'a write reaches the collection above it',
    edits: [
      edit(
        'resource-names.ts',
        'if (!this.#isCut && length > 0) ids.push(this.#path(length - 1));',
        'void this.#isCut;',
      ),
    ],
  },
  'what is below is not invalidated': {
    protection: 'a write reaches what is below it',
    edits: [edit('resource-names.ts', 'const ids = [this.#tree(length)];', 'const ids = [this.#path(length)];')],
  },
  'a write without an answer is not invalidated': {
    protection: 'a write without an answer is invalidated',
    edits: [
      edit(
        'http-exchange.ts',
        'return this.#writer.uncertain({ method, urls: [url, ...urlsOf(redirects, url)], groups: [] });',
        'return Promise.resolve(void [method, url, redirects]);',
      ),
    ],
  },
  'a write without an answer is invalidated once only': {
    protection: 'a write without an answer is invalidated once more',
    edits: [edit('writer.ts', 'this.#uncertain.again(transaction.names);', '')],
  },
  'a write that is accepted counts as carried out': {
    protection: 'a write that is carried out later is invalidated once more',
    edits: [edit('http-exchange.ts', 'new Set([202, 408])', 'new Set()')],
  },
  'a repeated write that fails at last counts as refused': {
    protection: 'a write that is refused when it is repeated is invalidated',
    edits: [edit('http-exchange.ts', 'isRepeated ? this.#writer.uncertain(written) : undefined', 'undefined')],
  },
  'what an answer names is not invalidated': {
    protection: 'the Location of an answer is invalidated',
    edits: [edit('http-exchange.ts', ', ...(named as URL[])', '')],
  },
  'tokens are read behind the answer': {
    protection: 'what is written while a read is under way is not missed',
    edits: [
      edit('clients/fetch.ts', 'await exchange.begin();', ''),
      edit(
        'clients/fetch.ts',
        'const { status, headers } = response;',
        'await exchange.begin();\n    const { status, headers } = response;',
      ),
    ],
  },
  'an answer is given before its write is invalidated': {
    protection: 'a write is invalidated when it resolves',
    edits: [edit('clients/fetch.ts', 'await exchange.answered({', 'void exchange.answered({')],
  },
  'the url of a redirect is no dependency': {
    protection: 'a read depends on the url that it was redirected to',
    edits: [
      edit('http-exchange.ts', '...asked.flatMap((url) => [...this.#namesOf(url)])', '...asked.flatMap(() => [])'),
    ],
  },
  'what is known only with the answer counts as read before': {
    protection: 'what was written before it was known is not missed',
    edits: [edit('http-exchange.ts', "tokens.refuse('bumped meanwhile');", '{}')],
  },
  'an answer of a cache counts as made now': {
    protection: 'an old answer of a cache is not stored',
    edits: [edit('http-exchange.ts', 'this.#sent - age;', 'this.#sent - 0 * age;')],
  },
  'cache groups are those of the first url': {
    protection: 'cache groups are of the origin that has answered',
    edits: [edit('http-exchange.ts', 'const { origin } = asked.at(-1) ?? this.#url;', 'const { origin } = this.#url;')],
  },
  'credentials are not looked at': {
    protection: 'what is read with credentials is not stored',
    edits: [edit('http-exchange.ts', 'this.#loader.markPersonal();', '{}')],
  },
  'a failed read may be stored': {
    protection: 'what stands in the place of a failed read is not stored',
    edits: [
      edit(
        'http-exchange.ts',
        "  failed(): undefined {\n    this.#loader.refuse('failed request');",
        '  failed(): undefined {',
      ),
    ],
  },
  'a rule that fails is passed over': {
    protection: 'a write whose rule fails invalidates everything',
    edits: [edit('writer.ts', 'into.fail(error);', '{}')],
  },
  'a replay is carried out': {
    protection: 'a webhook refuses a replay',
    edits: [edit('webhook/webhook.ts', "if (this.#seen.has(seen)) return answer(409, 'it was received before');", '')],
  },
  'a webhook counts for ever': {
    protection: 'a webhook refuses what was not sent now',
    edits: [edit('webhook/webhook.ts', 'Math.abs(this.#loading.now() - time) <= tolerance', 'time + tolerance > 0')],
  },
  'a webhook takes any signature': {
    protection: 'a webhook refuses what is not signed',
    edits: [edit('webhook/signature.ts', 'timingSafeEqual(bytes, expected)', 'bytes.length > 0')],
  },
};
