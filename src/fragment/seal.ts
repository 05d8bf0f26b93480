import { digest } from './digest.ts';

/** Changes when the form of what is stored does: another form is as good as missing. */
const FORMAT = 'csw1';
const DIGEST_CHARACTERS = 22;

/**
 * Values on their way to a store and back: in front of the payload stands the format and a digest over key and
 * payload, so that a value that was damaged, or belongs to another key, is recognised.
 */
export function seal(key: string, payload: string): Uint8Array {
  return Buffer.from(`${FORMAT}.${mark(key, payload)}.${payload}`, 'utf8');
}

/** The payload; undefined when this is not what {@link seal} made for this key. */
export function unseal(key: string, value: Uint8Array): string | undefined {
  const text = Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8');
  const start = FORMAT.length + 1 + DIGEST_CHARACTERS + 1;
  const payload = text.slice(start);
  return text.slice(0, start) === `${FORMAT}.${mark(key, payload)}.` ? payload : undefined;
}

function mark(key: string, payload: string): string {
  return digest(`${key.length}:${key}${payload}`, DIGEST_CHARACTERS);
}
