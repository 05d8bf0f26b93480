import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/**
 * Formats of a sealed value without and with secrets. Change both when the stored form changes, so that old values are
 * ignored.
 */
const DIGEST_FORMAT = 'csw5d';
const HMAC_FORMAT = 'csw5h';
/** Base64url characters kept of the mark: 132 bits. */
const MARK_CHARACTERS = 22;
/** Offset of the covered text, behind the format and the mark with a dot each. */
const COVERED = DIGEST_FORMAT.length + 1 + MARK_CHARACTERS + 1;

/** The kind is part of the seal, so that a stored token cannot pass for an entry. `packed`: a compressed entry. */
export type SealedKind = 'token' | 'entry' | 'packed' | 'lease' | 'cause';

/**
 * Seals values for a store and opens them again. A format and a mark come first; the mark covers kind, key and payload,
 * so that a damaged, cut, swapped or foreign value is recognised. The mark is a SHA-256 digest or, with secrets, an
 * HMAC-SHA-256 (RFC 2104), which cannot be forged without a secret.
 *
 * @example
 * csw5d.Zr8v…22 characters….token:15::1:Comment:=7:<payload>
 */
export class Sealer {
  readonly #secrets: readonly string[];

  /** @param secrets the first one signs, all of them verify; without any, a digest is used */
  constructor(secrets: readonly string[] = []) {
    this.#secrets = secrets;
  }

  /** @param key printable ASCII */
  seal(kind: SealedKind, key: string, payload: string | Buffer): Uint8Array {
    const name = nameOf(kind, key);
    const covered =
      typeof payload === 'string' ? name + payload : Buffer.concat([Buffer.from(name, 'latin1'), payload]);
    const secret = this.#secrets[0];
    const head = `${secret === undefined ? DIGEST_FORMAT : HMAC_FORMAT}.${markOf(covered, secret)}.`;
    return typeof covered === 'string'
      ? Buffer.from(head + covered, 'utf8')
      : Buffer.concat([Buffer.from(head, 'latin1'), covered]);
  }

  /** Returns the payload as text; undefined if the value was not sealed for this kind and key with one of the secrets. */
  unseal(kind: SealedKind, key: string, sealed: Uint8Array): string | undefined {
    return this.unsealBytes(kind, key, sealed)?.toString('utf8');
  }

  /** Like {@link unseal}; the bytes are a view of the sealed ones. */
  unsealBytes(kind: SealedKind, key: string, sealed: Uint8Array): Buffer | undefined {
    const value = bufferOf(sealed);
    const name = nameOf(kind, key);
    const start = COVERED + name.length;
    const head = value.toString('latin1', 0, start);
    const covered = value.subarray(COVERED);
    const isOwn =
      this.#secrets.length === 0
        ? head === `${DIGEST_FORMAT}.${markOf(covered, undefined)}.${name}`
        : this.#secrets.some((secret) => isSame(head, `${HMAC_FORMAT}.${markOf(covered, secret)}.${name}`));
    return isOwn ? value.subarray(start) : undefined;
  }

  /** Whether a value says that it is of this kind. Only unsealing tells whether that is true. */
  isOfKind(kind: SealedKind, sealed: Uint8Array): boolean {
    return bufferOf(sealed).toString('latin1', COVERED, COVERED + kind.length + 1) === `${kind}:`;
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Compares in constant time, so that the time does not tell how many characters are right. */
function isSame(given: string, expected: string): boolean {
  return (
    given.length === expected.length && timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(expected, 'latin1'))
  );
}

function nameOf(kind: SealedKind, key: string): string {
  return `${kind}:${key.length}:${key}:`;
}

/** @param covered a string counts as its UTF-8 bytes */
function markOf(covered: string | Buffer, secret: string | undefined): string {
  const mark =
    secret === undefined
      ? hash('sha256', covered, 'base64url')
      : createHmac('sha256', secret).update(covered).digest('base64url');
  return mark.slice(0, MARK_CHARACTERS);
}
