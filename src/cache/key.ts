import { digest } from '../util/digest.ts';
import { isPrintable } from '../util/printable.ts';

/** A model of a fragment's tag, as the fragment key holds it. */
export interface KeyModel {
  readonly type: string;
  readonly id: string | undefined;
  /** The model's own name, `Comment:=7`. */
  readonly name: string;
  readonly token: string;
}

/** What a fragment key is made of, as it is handed to the `key` option. */
export interface KeyParts {
  readonly namespace: string;
  readonly version: number;
  /** Resolved name of the template that contains the tag. */
  readonly template: string;
  /** Digest of that template and all it statically includes, imports or extends. */
  readonly digest: string;
  /** Which tag of the template it is, from 0. */
  readonly ordinal: number;
  readonly models: readonly KeyModel[];
  /** Canonical text of the tag's keys, of the attributes named by `using`, and of `vary`. */
  readonly keys: string;
  readonly using: string;
  readonly vary: string;
  /** Digest of what the body reads of the page, and of the values there; '' where it reads nothing. */
  readonly reads: string;
}

/** A fragment as the store knows it: the models' tokens are in it. */
export interface StoredKey {
  readonly key: string;
  /** The same with nothing left out: what an entry must carry to be the one asked for. */
  readonly canonical: string;
}

const EMPTY_LIST = '[]';

/**
 * The canonical text of key parts: no two different lists of parts give the same text, because every part is either
 * escaped to characters that cannot be its separator or, as the canonical lists are, ends where its brackets close.
 *
 * @example
 * blog:1:comment.njk#0@Xu8bJr4HcN2s9QaP:Comment:=7@0mi8kq2c4Vb3xR9aLk0g:["comment.njk"]:Zq3hXw0aT5kLr2Vb
 */
export function canonicalKey(parts: KeyParts): string {
  let text = keyStart(parts);
  for (let i = 0; i < parts.models.length; i++) {
    const model = parts.models[i] as KeyModel;
    text += `${i === 0 ? '' : '+'}${escapePart(model.name)}@${model.token}`;
  }
  text += `:${parts.keys}`;
  if (parts.using !== EMPTY_LIST || parts.vary !== EMPTY_LIST) text += parts.using;
  if (parts.vary !== EMPTY_LIST) text += parts.vary;
  if (parts.reads !== '') text += `:${parts.reads}`;
  return text;
}

/** What all keys of one place start with. */
export function keyStart(parts: Pick<KeyParts, 'namespace' | 'version' | 'template' | 'ordinal' | 'digest'>): string {
  const { namespace, version, template, ordinal, digest } = parts;
  return `${escapePart(namespace)}:${version}:${escapePart(template)}#${ordinal}@${digest}:`;
}

const SEPARATORS = /[%#@+]|[^\x21-\x7e]/;

function escapePart(part: string): string {
  // encodeURIComponent throws on lone surrogates; toWellFormed would merge them: they are written as their code units.
  return SEPARATORS.test(part)
    ? part.replace(new RegExp(SEPARATORS, 'g'), (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : part;
}

/** Longest key that is kept as it is: Memcached's limit is 250 bytes, and its stores put a word in front. */
const MAX_READABLE = 200;
/**
 * Makes any text a key every store takes: short printable ASCII stays as it is, everything else becomes its SHA-256
 * behind the namespace and version.
 */
export function safeKey(text: string, parts: Pick<KeyParts, 'namespace' | 'version'>): string {
  if (text.length <= MAX_READABLE && isPrintable(text)) return text;
  return `${escapePart(parts.namespace)}:${parts.version}:sha256:${digest(text)}`;
}
