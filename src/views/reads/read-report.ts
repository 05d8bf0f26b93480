import { ALL_HEADERS, type ReadName } from './read-names.ts';

/** Describes a read that keeps a view from being stored. Where all headers were read, names the package that did. */
export function describeRead(name: ReadName): string {
  if (name !== ALL_HEADERS) return name;
  const reader = readerOf(new Error().stack ?? '');
  return reader === undefined ? 'all headers' : `${reader} read all headers inside; put it before cacheView`;
}

/** Returns the package nearest to the read, apart from this one. */
function readerOf(stack: string): string | undefined {
  for (const line of stack.split('\n')) {
    const found = [...line.matchAll(/node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/g)].at(-1)?.[1];
    if (found !== undefined && found !== 'nunjucks-cachesweeper') return found.replace('\\', '/');
  }
  return undefined;
}
