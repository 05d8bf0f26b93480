import { digest } from '../util/digest.ts';
import { isPrintable } from '../util/printable.ts';

/** A model of a fragment's tag, as the fragment key holds it. */
export interface KeyModel {
  readonly type: string;
  readonly id: string | undefined;
  /** The model's own name, such as `Comment:=7`. */
  readonly name: string;
  readonly token: string;
}

/** The parts of a fragment key, as the `key` option receives them. */
export interface KeyParts {
  readonly namespace: string;
  readonly version: number;
  /** Resolved name of the template that contains the tag. */
  readonly template: string;
  /** Template digest: covers the template and all it statically includes, imports or extends. */
  readonly digest: string;
  /** Position of the tag among the template's tags, from 0. */
  readonly ordinal: number;
  readonly models: readonly KeyModel[];
  /** Canonical text of the tag's keys, followed by that of the attributes `using` names and that of `vary`. */
  readonly keys: string;
  readonly using: string;
  readonly vary: string;
  /** Digest of the paths the body reads and their values; '' where it reads nothing. */
  readonly reads: string;
}

/** A fragment's key in the store. It includes the tokens of the tag's models. */
export interface StoredKey {
  readonly key: string;
  /** The full text of the key's parts. An entry must carry the same text to be the one asked for. */
  readonly canonical: string;
}

const EMPTY_LIST = '[]';

/**
 * Joins key parts into one text. Two different lists of parts never give the same text: each part is either escaped, so
 * that it contains no separator, or a canonical list, which ends at its closing bracket.
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

/** Returns the common start of all keys of one tag site. */
export function keyStart(parts: Pick<KeyParts, 'namespace' | 'version' | 'template' | 'ordinal' | 'digest'>): string {
  const { namespace, version, template, ordinal, digest } = parts;
  return `${escapePart(namespace)}:${version}:${escapePart(template)}#${ordinal}@${digest}:`;
}

const SEPARATORS = /[%#@+]|[^\x21-\x7e]/;

function escapePart(part: string): string {
  // Write code units: encodeURIComponent throws on lone surrogates, and toWellFormed would make different ones equal.
  return SEPARATORS.test(part)
    ? part.replace(new RegExp(SEPARATORS, 'g'), (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    : part;
}

/** Longer keys are hashed. Memcached allows 250 bytes, and stores put a prefix in front. */
const MAX_READABLE = 200;
/**
 * Turns any text into a key that every store accepts. Short printable ASCII stays; other text becomes its SHA-256 after
 * the namespace and version.
 */
export function safeKey(text: string, parts: Pick<KeyParts, 'namespace' | 'version'>): string {
  if (text.length <= MAX_READABLE && isPrintable(text)) return text;
  return `${escapePart(parts.namespace)}:${parts.version}:sha256:${digest(text)}`;
}

/** What all keys of one site begin with. */
export type CacheScope = Pick<KeyParts, 'namespace' | 'version'>;

/** Returns the key of what made a token. */
export function causeKey(token: string, { namespace, version }: CacheScope): string {
  return `${escapePart(namespace)}:${version}:cause:${digest(token, 22)}`;
}

/**
 * Returns the key of the lease for an entry.
 *
 * @param text the entry's key, and the tokens of all that it will be made from, as far as they are known
 */
export function leaseKey(text: string, { namespace, version }: Pick<KeyParts, 'namespace' | 'version'>): string {
  return `${escapePart(namespace)}:${version}:lease:${digest(text)}`;
}
