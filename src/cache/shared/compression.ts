import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';

/** Limit of an entry before compression, in bytes. Larger ones are neither compressed nor inflated. */
export const MAX_INFLATED = 16 * 1024 * 1024;
/** Smallest buffer size that zlib accepts. */
const MIN_CHUNK = 64;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/**
 * Compresses a value; undefined when that makes it no smaller or when it is too large. Uses the fastest level, because
 * html shrinks to a fifth even there.
 */
export async function compress(value: Uint8Array): Promise<Buffer | undefined> {
  if (value.length > MAX_INFLATED) return undefined;
  const compressed = await deflate(value, { level: 1 });
  return compressed.length < value.length ? compressed : undefined;
}

/** Inflates a value that claims this size; undefined when it has another one, or is damaged. */
export async function inflated(value: Uint8Array, size: number): Promise<Buffer | undefined> {
  try {
    // Inflate into one buffer: each further chunk would be another job for the thread pool.
    const whole = await inflate(value, { maxOutputLength: size, chunkSize: Math.max(size, MIN_CHUNK) });
    return whole.length === size ? whole : undefined;
  } catch {
    return undefined;
  }
}
