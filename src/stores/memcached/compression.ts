import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Lookup } from '../store.ts';

/**
 * Limit of a value before compression, in bytes. Larger ones are neither compressed nor inflated, because a small
 * forged value could otherwise fill the memory.
 */
const MAX_INFLATED = 16 * 1024 * 1024;
/** Limit of all bytes that one call inflates; further values count as unknown. */
const MAX_INFLATED_BY_CALL = 64 * 1024 * 1024;
/** Smallest buffer size that zlib accepts. */
const MIN_CHUNK = 64;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** A value as the server has it. */
export interface Compressed {
  readonly state: 'compressed';
  readonly value: Uint8Array;
  /** Size that the value claims to have when inflated, in bytes. */
  readonly size: number;
}

/**
 * Compresses a value; undefined when that makes it no smaller or when it is too large. Uses the fastest level, because
 * html shrinks to a fifth even there.
 */
export async function compress(value: Uint8Array): Promise<Uint8Array | undefined> {
  if (value.length > MAX_INFLATED) return undefined;
  const compressed = await deflate(value, { level: 1 });
  return compressed.length < value.length ? compressed : undefined;
}

/** Inflates the compressed values among the answers of one call. */
export async function inflated(answers: readonly (Compressed | Lookup)[]): Promise<readonly Lookup[]> {
  if (!answers.some(isCompressed)) return answers as readonly Lookup[];
  let left = MAX_INFLATED_BY_CALL;
  return Promise.all(
    answers.map((answer) => {
      if (!isCompressed(answer)) return answer;
      if (answer.size > MAX_INFLATED) return asItIs(answer);
      left -= answer.size;
      return left < 0 ? ({ state: 'unknown' } as const) : inflatedOne(answer);
    }),
  );
}

function isCompressed(answer: Compressed | Lookup): answer is Compressed {
  return answer.state === 'compressed';
}

async function inflatedOne(answer: Compressed): Promise<Lookup> {
  const { value, size } = answer;
  try {
    // Inflate into one buffer: each further chunk would be another job for the thread pool.
    const whole = await inflate(value, { maxOutputLength: size, chunkSize: Math.max(size, MIN_CHUNK) });
    return whole.length === size ? { state: 'found', value: whole } : asItIs(answer);
  } catch {
    return asItIs(answer);
  }
}

/** If it does not inflate to its stated size, pass it on; the seal check rejects it. */
function asItIs({ value }: Compressed): Lookup {
  return { state: 'found', value };
}
