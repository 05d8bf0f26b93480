import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';
import type { Lookup } from '../store.ts';

/** Larger values are not compressed, and nothing is inflated to more: a small value could be made to fill the memory. */
const MAX_INFLATED = 16 * 1024 * 1024;
/** All that one call inflates; what comes beyond is as good as not read. */
const MAX_INFLATED_BY_CALL = 64 * 1024 * 1024;
/** The least that zlib takes for the size of a buffer. */
const MIN_CHUNK = 64;

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** A value as a server has it. */
export interface Compressed {
  readonly state: 'compressed';
  readonly value: Uint8Array;
  /** Bytes it says it had. */
  readonly size: number;
}

/** Fast rather than small: html shrinks to a fifth at the lowest level already. Undefined when nothing is won. */
export async function compress(value: Uint8Array): Promise<Uint8Array | undefined> {
  if (value.length > MAX_INFLATED) return undefined;
  const compressed = await deflate(value, { level: 1 });
  return compressed.length < value.length ? compressed : undefined;
}

/** The answers of one call with their values as they were before they were compressed. */
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
    // In one piece: each further one would be another job for the thread pool.
    const whole = await inflate(value, { maxOutputLength: size, chunkSize: Math.max(size, MIN_CHUNK) });
    return whole.length === size ? { state: 'found', value: whole } : asItIs(answer);
  } catch {
    return asItIs(answer);
  }
}

/** What is not what it claims is no value of ours: whoever opens it will see that. */
function asItIs({ value }: Compressed): Lookup {
  return { state: 'found', value };
}
