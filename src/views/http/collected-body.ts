/**
 * Limit for the bodies that all responses of a process are collecting, in bytes. What a visitor reads slowly, or a
 * handler writes slowly, would otherwise stay in memory once for each request.
 */
export const MAX_COLLECTED = 32 * 1024 * 1024;

let collected = 0;

/** Returns the bytes that are being collected now, for all responses of this process. */
export function collectedBytes(): number {
  return collected;
}

/** Collects the chunks of a body until it is dropped or too large, and counts its bytes in any case. */
export class CollectedBody {
  readonly #maxBytes: number;
  #chunks: Buffer[] | undefined = [];
  #kept = 0;
  #bytes = 0;

  /** @param maxBytes a larger body is dropped */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Bytes of all chunks, those that were dropped as well. */
  get bytes(): number {
    return this.#bytes;
  }

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#chunks === undefined) return;
    if (this.#bytes > this.#maxBytes || collected + chunk.length > MAX_COLLECTED) return this.drop();
    this.#chunks.push(chunk);
    this.#kept += chunk.length;
    collected += chunk.length;
  }

  /** Forgets the chunks, because the body will not be stored. */
  drop(): void {
    collected -= this.#kept;
    this.#kept = 0;
    this.#chunks = undefined;
  }

  /** Returns the whole body, and forgets it; undefined if it was dropped. */
  take(): Buffer | undefined {
    const whole = this.#chunks && Buffer.concat(this.#chunks);
    this.drop();
    return whole;
  }
}
