import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';

/** In the flags of a value: it is compressed. */
export const COMPRESSED = 1;
/** Nothing is inflated to more bytes than this: it could be made to fill the memory. */
const MAX_INFLATED = 32 * 1024 * 1024;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Fast rather than small: html shrinks to a fifth at the lowest level already. */
export async function compress(value: Uint8Array): Promise<Uint8Array> {
  return deflate(value, { level: 1 });
}

/** The value that was compressed; undefined for what never was. */
export async function decompress(value: Uint8Array): Promise<Uint8Array | undefined> {
  try {
    return await inflate(value, { maxOutputLength: MAX_INFLATED });
  } catch {
    return undefined;
  }
}
