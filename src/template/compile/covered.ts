import type { PrivateNames } from '../../reads/private-names.ts';
import type { Node } from '../nunjucks.ts';
import { childNodes, pathOf } from './syntax.ts';

type Path = readonly string[];

/** The private values that a tag's arguments permit its body to read. */
export interface Allowed {
  /** Paths of the tag's models. Anything below them belongs to the models, so the body may read it. */
  readonly models: readonly Path[];
  /** Private values named by an argument or `when=`, which may also name something below them. */
  readonly allowed: readonly Path[];
}

/** Finds which of a tag's arguments name private values. */
export function coverage(
  model: Node,
  keys: readonly Node[],
  when: Node | undefined,
  privateNames: PrivateNames,
): Allowed & { readonly privateArguments: readonly number[] } {
  const models = modelPaths(model);
  const isBelowModel = (path: Path) => models.some((one) => isPrefix(one, path));
  const named = keys.map((key) => exactPath(key)).map((path) => (path && !isBelowModel(path) ? path : undefined));
  const allowed = new Map<string, Path>();
  for (const path of [...models, ...named, ...(when === undefined ? [] : mentionedPaths(when))]) {
    const length = path && privateNames.privateLength(path);
    if (path === undefined || length === undefined) continue;
    const value = path.slice(0, length);
    allowed.set(JSON.stringify(value), value);
  }
  const isPrivate = (path: Path | undefined) => path !== undefined && privateNames.privateLength(path) !== undefined;
  return {
    models,
    allowed: [...allowed.values()],
    privateArguments: named.flatMap((path, i) => (isPrivate(path) ? [i] : [])),
  };
}

/** Whether a body may read a path that starts with a private value. */
export function isCovered(path: Path, privateLength: number, { models, allowed }: Allowed): boolean {
  if (models.some((model) => isPrefix(model, path))) return true;
  return allowed.some((value) => value.length === privateLength && isPrefix(value, path));
}

/** Returns the paths in the tag's model argument; `[user, article.author]` contains two. */
export function modelPaths(model: Node): Path[] {
  const parts = model.typename === 'Array' ? (model.children as readonly Node[]) : [model];
  return parts.map(exactPath).filter((path) => path !== undefined);
}

function exactPath(node: Node): Path | undefined {
  const found = pathOf(node);
  return found?.exact ? [...found.path] : undefined;
}

/** Returns all paths in an expression. */
function* mentionedPaths(node: Node): Generator<Path> {
  const found = pathOf(node);
  if (found !== undefined) yield [...found.path];
  if (!found?.exact) for (const child of childNodes(node)) yield* mentionedPaths(child);
}

function isPrefix(prefix: Path, path: Path): boolean {
  return prefix.length <= path.length && prefix.every((step, i) => step === path[i]);
}
