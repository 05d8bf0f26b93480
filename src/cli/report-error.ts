import { CacheSweeperError } from '../errors.ts';
import { type Io, stylist, widthOf, wrap } from './io.ts';

/** Writes why a command could not run. With `DEBUG` it also tells where, of what caused it as well. */
export function reportError(error: unknown, { stderr, env }: Pick<Io, 'stderr' | 'env'>): void {
  const style = stylist(stderr, env);
  const { message } = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof CacheSweeperError ? `${error.code}: ` : '';
  stderr.write(`${style('red', 'error')} ${wrap(code + message, widthOf(stderr), '')}\n`);
  if (env.DEBUG) for (const stack of stacksOf(error)) stderr.write(`${stack}\n`);
}

/** Most causes that are told; a chain of them may be a circle. */
const MAX_CAUSES = 10;

function stacksOf(error: unknown): readonly string[] {
  const stacks: string[] = [];
  for (let one = error; one instanceof Error && stacks.length < MAX_CAUSES; one = one.cause) {
    if (one.stack !== undefined) stacks.push(one.stack);
  }
  return stacks;
}
