import { dependencyNames, ownName } from '../model/names.ts';
import { digest } from '../util/digest.ts';

/** Levels of a path that have names of their own. What is deeper counts as its ancestor on this level. */
const MAX_LEVELS = 12;
/** Characters of a path, an origin or a group that are in a name as they are. What is longer is there by its digest. */
const MAX_TEXT = 120;

/**
 * The names of the resources of HTTP APIs. A path has two: `/articles/7` stands for itself, and `/articles/7/**` for itself and all
 * that is below it. A read depends on its own name, and on the second one of itself and of each of its ancestors. So a write needs two
 * names to reach itself, all that is below it and the collection above: `/articles/7/**` and `/articles`.
 *
 * A query is in no name: a write reaches a resource with any query, and a query may hold secrets.
 */
export class ResourceNames {
  readonly #type: string;
  readonly #levels: readonly string[];
  readonly #isCut: boolean;

  constructor(url: URL) {
    this.#type = originType(url.origin);
    const levels = levelsOf(url.pathname);
    this.#levels = levels.slice(0, MAX_LEVELS);
    this.#isCut = levels.length > MAX_LEVELS;
  }

  /** Names that a read of the resource depends on. */
  get read(): ReadonlySet<string> {
    const ids = [this.#path(this.#levels.length)];
    for (let level = 0; level <= this.#levels.length; level++) ids.push(this.#tree(level));
    return new Set(ids.flatMap((id) => dependencyNames({ type: this.#type, id: bounded(id) })));
  }

  /** Names that a write to the resource bumps. */
  get written(): ReadonlySet<string> {
    const { length } = this.#levels;
    const ids = [this.#tree(length)];
    // What is above a resource that was cut off is the ancestor that stands for it.
    if (!this.#isCut && length > 0) ids.push(this.#path(length - 1));
    return new Set(ids.map((id) => ownName({ type: this.#type, id: bounded(id) })));
  }

  #path(level: number): string {
    return `/${this.#levels.slice(0, level).join('/')}`;
  }

  #tree(level: number): string {
    return level === 0 ? '/**' : `${this.#path(level)}/**`;
  }
}

/** Returns the names of cache groups of an origin, as RFC 9875 has them. */
export function groupNames(origin: string, groups: readonly string[]): readonly string[] {
  return groups.map((group) => ownName({ type: originType(origin), id: bounded(JSON.stringify(group)) }));
}

/** The type of all resources of an origin: `GET https://api.example`. */
function originType(origin: string): string {
  return `GET ${bounded(origin)}`;
}

/** Paths that servers take for the same have the same levels: with a slash at the end, in other case, or with `.json` behind. */
function levelsOf(path: string): readonly string[] {
  const segments = plainPath(path)
    .toLowerCase()
    .split('/')
    .filter((segment) => segment !== '');
  const last = segments.pop();
  if (last !== undefined) segments.push(last.replace(/(?<=.)\.(json|xml)$/, ''));
  return segments;
}

/** Returns a path whose segments are escaped in one way, without empty ones. */
export function plainPath(path: string): string {
  return path.replace(/\/{2,}/g, '/').replace(/[^/]+/g, escaped);
}

function escaped(segment: string): string {
  let plain = segment;
  try {
    plain = decodeURIComponent(segment);
  } catch {
    // It is no UTF-8, and stays as it is.
  }
  return encodeURIComponent(plain).replaceAll('*', '%2A');
}

function bounded(text: string): string {
  return text.length <= MAX_TEXT ? text : `#${digest(text)}`;
}
