import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Change when the form of what is stored does: what has another form is not read. */
const DIGEST_FORMAT = 'csw3d';
const HMAC_FORMAT = 'csw3h';
/** 132 bits. */
const MARK_CHARACTERS = 22;
/** Where all begins that the mark covers: behind format and mark, each with a dot. */
const COVERED = DIGEST_FORMAT.length + 1 + MARK_CHARACTERS + 1;

/** What is sealed: a token's seal is none for an entry. */
export type SealedKind = 'token' | 'entry';

/**
 * Values on their way to a store and back. In front stand the format and a mark over all that follows (kind, key and
 * payload), so that a value that was damaged, cut, swapped or made by someone else is recognised. The mark is a SHA-256
 * digest or, with secrets, an HMAC-SHA-256 (RFC 2104), which nobody can make who does not have one of them.
 *
 * @example
 * csw3d.Zr8v…22 characters….token:15::1:Comment:=7:<payload>
 */
export class Sealer {
  readonly #secrets: readonly string[];

  /** @param secrets the first signs, all verify; none for a digest */
  constructor(secrets: readonly string[] = []) {
    this.#secrets = secrets;
  }

  /** @param key printable ASCII */
  seal(kind: SealedKind, key: string, payload: string): Uint8Array {
    const covered = nameOf(kind, key) + payload;
    const secret = this.#secrets[0];
    const format = secret === undefined ? DIGEST_FORMAT : HMAC_FORMAT;
    return Buffer.from(`${format}.${markOf(covered, secret)}.${covered}`, 'utf8');
  }

  /** The payload; undefined when this was not sealed, for this kind and key, with a secret that is known. */
  unseal(kind: SealedKind, key: string, sealed: Uint8Array): string | undefined {
    const value = Buffer.isBuffer(sealed) ? sealed : Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength);
    const name = nameOf(kind, key);
    const start = COVERED + name.length;
    const head = value.toString('latin1', 0, start);
    const covered = value.subarray(COVERED);
    const isOwn =
      this.#secrets.length === 0
        ? head === `${DIGEST_FORMAT}.${markOf(covered, undefined)}.${name}`
        : this.#secrets.some((secret) => isSame(head, `${HMAC_FORMAT}.${markOf(covered, secret)}.${name}`));
    return isOwn ? value.toString('utf8', start) : undefined;
  }
}

/** Compares without telling by its time how much was right. */
function isSame(given: string, expected: string): boolean {
  return (
    given.length === expected.length && timingSafeEqual(Buffer.from(given, 'latin1'), Buffer.from(expected, 'latin1'))
  );
}

function nameOf(kind: SealedKind, key: string): string {
  return `${kind}:${key.length}:${key}:`;
}

/** @param covered text stands for its bytes in UTF-8 */
function markOf(covered: string | Buffer, secret: string | undefined): string {
  const mark =
    secret === undefined
      ? hash('sha256', covered, 'base64url')
      : createHmac('sha256', secret).update(covered).digest('base64url');
  return mark.slice(0, MARK_CHARACTERS);
}
