import { ALL_HEADERS, type ReadName } from './read-names.ts';

/** Describes a read that keeps a view from being stored. Where all headers were read, names the package that did. */
export function describeRead(name: ReadName): string {
  if (name !== ALL_HEADERS) return name;
  const reader = readerOf(new Error().stack ?? '');
  return reader === undefined ? 'all headers' : `${reader} read all headers inside; put it before cacheView`;
}

/** Returns the package whose code read them; undefined for code of the site, which knows what it does. */
function readerOf(stack: string): string | undefined {
  for (const line of stack.split('\n').slice(1)) {
    if (!/[\\/]/.test(line) || /node:/.test(line) || OURS.test(line)) continue;
    const found = [...line.matchAll(/node_modules[\\/]((?:@[^\\/]+[\\/])?[^\\/]+)[\\/]/g)].at(-1)?.[1];
    return found?.replace('\\', '/');
  }
  return undefined;
}

/** Lines of this folder, whatever the package is installed as. */
const OURS = /[\\/]reads[\\/](?:read-report|request-\w+|watched-\w+)\.[cm]?[jt]s/;
