import { CacheSweeperError, type CacheSweeperErrorCode } from '../../errors.ts';

/** A place in a template. Line and column count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function positionOf(node: { readonly lineno: number; readonly colno: number }): Position {
  return { line: node.lineno + 1, column: node.colno + 1 };
}

/**
 * Gives an error its place in the template, in the form that Nunjucks uses. Nunjucks adds the path of each template by
 * calling `Update`, which would otherwise set the place of an earlier call.
 */
export function placeInTemplate<E extends Error>(error: E, { line, column }: Position): E {
  let first = true;
  const own = { enumerable: false, configurable: true, writable: true };
  Object.defineProperties(error, {
    lineno: { value: line, ...own },
    colno: { value: column, ...own },
    Update: {
      ...own,
      value(path: string | undefined) {
        const place = first ? ` [Line ${line}, Column ${column}]\n  ` : '\n ';
        error.message = `(${path || 'unknown path'})${place}${error.message}`;
        first = false;
        return error;
      },
    },
  });
  return error;
}

export function templateError(code: CacheSweeperErrorCode, message: string, position: Position): CacheSweeperError {
  return placeInTemplate(new CacheSweeperError(code, message), position);
}

/**
 * Takes an error of a template. Compiling throws the first one, because a template with a fault is not rendered;
 * `nunjucks-cachesweeper lint` collects them, and goes on.
 */
export type Refuse = (error: CacheSweeperError) => void;

export const refuseAtOnce: Refuse = (error) => {
  throw error;
};

/** @throws CacheSweeperError CACHESWEEPER_BAD_TAG, with the place of the token */
export function failAt(token: { readonly lineno: number; readonly colno: number }, message: string): never {
  throw templateError('CACHESWEEPER_BAD_TAG', message, positionOf(token));
}
