import { createHmac, hash, timingSafeEqual } from 'node:crypto';

/** Change when the form of what is stored does: another form is as good as missing. */
const DIGEST_FORMAT = 'csw1';
const HMAC_FORMAT = 'csw1h';
/** 132 bits. */
const MARK_CHARACTERS = 22;

/** What is sealed: a token's seal is none for an entry. */
export type SealedKind = 'token' | 'entry';

/**
 * Values on their way to a store and back. In front of the payload stand the format and a mark over kind, key and payload, so
 * that a value that was damaged, cut, swapped or made by someone else is recognised. The mark is a SHA-256 digest or, with
 * secrets, an HMAC-SHA-256 (RFC 2104), which nobody can make who does not have one of them.
 *
 * @example
 * csw1.Zr8v…22 characters….<payload>
 */
export class Sealer {
  readonly #secrets: readonly string[];

  /** @param secrets the first signs, all verify; none for a digest */
  constructor(secrets: readonly string[] = []) {
    this.#secrets = secrets;
  }

  seal(kind: SealedKind, key: string, payload: string): Uint8Array {
    return Buffer.from(head(kind, key, payload, this.#secrets[0]) + payload, 'utf8');
  }

  /** The payload; undefined when this was not sealed, for this kind and key, with a secret that is known. */
  unseal(kind: SealedKind, key: string, value: Uint8Array): string | undefined {
    const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
    const end = text.indexOf('.', text.indexOf('.') + 1) + 1;
    const payload = text.slice(end);
    const given = text.slice(0, end);
    const secrets = this.#secrets.length === 0 ? [undefined] : this.#secrets;
    const isOwn = secrets.some((secret) => {
      const expected = head(kind, key, payload, secret);
      // A digest is no secret.
      return secret === undefined ? given === expected : isSame(given, expected);
    });
    return isOwn ? payload : undefined;
  }
}

function head(kind: SealedKind, key: string, payload: string, secret: string | undefined): string {
  const text = `${kind}:${key.length}:${key}${payload}`;
  if (secret === undefined) return `${DIGEST_FORMAT}.${hash('sha256', text, 'base64url').slice(0, MARK_CHARACTERS)}.`;
  const mark = createHmac('sha256', secret).update(text, 'utf8').digest('base64url');
  return `${HMAC_FORMAT}.${mark.slice(0, MARK_CHARACTERS)}.`;
}

/** Compares without telling by its time how much was right. */
function isSame(given: string, expected: string): boolean {
  const bytes = Buffer.from(given, 'utf8');
  return bytes.length === expected.length && timingSafeEqual(bytes, Buffer.from(expected, 'latin1'));
}
