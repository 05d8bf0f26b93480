import type { IncomingMessage } from 'node:http';
import { CacheSweeperError } from '../../errors.ts';

/** How long a client may take to send a body, in milliseconds. */
const TIMEOUT = 10_000;

/**
 * Reads the body of a request as it came.
 *
 * @param kept where parsers of bodies may have left it
 * @returns undefined if it is larger than the limit, or did not come in time
 * @throws CacheSweeperError CACHESWEEPER_WEBHOOK if it was read before, and is not there any more
 */
export async function rawBody(
  request: IncomingMessage,
  kept: readonly unknown[],
  maxBytes: number,
): Promise<Buffer | undefined> {
  for (const body of kept) {
    if (typeof body === 'string') return Buffer.from(body);
    if (Buffer.isBuffer(body)) return body;
  }
  if (request.readableDidRead) {
    throw new CacheSweeperError(
      'CACHESWEEPER_WEBHOOK',
      'a webhook expected the body as it was signed, and it was parsed before: mount the webhook before the parser of bodies',
    );
  }
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) return undefined;
  const timer = setTimeout(() => request.destroy(), TIMEOUT);
  try {
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxBytes) return undefined;
      chunks.push(chunk);
    }
    return Buffer.concat(chunks);
  } finally {
    clearTimeout(timer);
  }
}
