import { createReadStream } from 'node:fs';

/** Most characters of a line. A report of a page with a thousand fragments has some millions. */
const MAX_LINE = 16 * 1024 * 1024;

/** Bytes that are read at once. */
const CHUNK = 64 * 1024;

/**
 * Reads the lines of a file one after the other; undefined stands for one that is too long to be kept in memory.
 *
 * @throws errors of the file system
 */
export async function* linesOf(
  path: string,
  max: number = MAX_LINE,
  chunkSize: number = CHUNK,
): AsyncGenerator<string | undefined> {
  let line = '';
  let isTooLong = false;
  for await (const chunk of createReadStream(path, { encoding: 'utf8', highWaterMark: chunkSize })) {
    for (const [i, part] of (chunk as string).split('\n').entries()) {
      if (i > 0) {
        yield isTooLong ? undefined : line;
        line = '';
        isTooLong = false;
      }
      isTooLong ||= line.length + part.length > max;
      line = isTooLong ? '' : line + part;
    }
  }
  if (line !== '' || isTooLong) yield isTooLong ? undefined : line;
}
