import { realpathSync, statSync } from 'node:fs';

/** What is at a path, also behind a link; undefined where nothing is, or a link leads nowhere. */
export type PathKind = 'file' | 'folder' | undefined;

/** Returns what is at a path. A pipe such as /dev/stdin counts as a file. */
export function kindOf(path: string): PathKind {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file';
  } catch {
    return undefined;
  }
}

/** Returns a path without links in it; the path as it is where nothing is there. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
