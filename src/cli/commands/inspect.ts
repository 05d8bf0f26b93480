import ms from 'ms';
import { bumpedNames, dependencyNames, EVERYTHING } from '../../model/names.ts';
import { describeCause } from '../../reporting/cause.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, stylist, widthOf, wrap } from '../io.ts';
import { identityOf, modelArgument } from '../store/model-argument.ts';
import { openStore, StoreErrors, type StoreOptions } from '../store/open-store.ts';
import { readTokens, type TokenRead } from '../store/read-tokens.ts';
import { table } from '../table.ts';

export interface InspectOptions extends StoreOptions {
  readonly tenant?: string;
}

/** Tells what tokens the names of a model have, and since when: what was made before is not served. */
export async function inspect(
  type: string,
  id: string | undefined,
  options: InspectOptions,
  io: Io,
): Promise<ExitCode> {
  const identity = identityOf(modelArgument(type, id, options.tenant));
  const site = openStore(options, io);
  try {
    const own = dependencyNames(identity);
    const names = [...new Set([...own, ...bumpedNames(identity)])];
    // A type is that of lists and of rows, which depend on further names.
    const needed = identity.id === undefined ? [EVERYTHING, ...bumpedNames(identity)] : own;
    const reads = await readTokens(names, site, new StoreErrors());
    if (options.json === true) io.stdout.write(`${JSON.stringify(reads, null, 2)}\n`);
    else print(reads, needed, io);
    return reads.some(({ state }) => state === 'damaged') ? ExitCode.findings : ExitCode.fine;
  } finally {
    await site.store.close();
  }
}

/** @param needed names without whose tokens nothing of the model is in use */
function print(reads: readonly TokenRead[], needed: readonly string[], { stdout, env }: Io): void {
  const style = stylist(stdout, env);
  const now = Date.now();
  stdout.write(
    table(
      stdout,
      reads.map((read) => [
        read.name,
        meaningOf(read.name),
        ...(read.state === 'found' ? [...time(read.since, now), read.token] : [STATES[read.state]]),
      ]),
    ),
  );
  for (const read of reads) {
    if (read.state !== 'found' || read.cause === undefined) continue;
    const text = describeCause({ why: 'bumped', name: read.name, bump: read.cause }, now);
    stdout.write(`${wrap(`${text}, in process ${read.cause.process}`, widthOf(stdout), '')}\n`);
  }
  stdout.write(`${style('bold', usableSince(reads.filter(({ name }) => needed.includes(name))))}\n`);
}

function usableSince(reads: readonly TokenRead[]): string {
  if (reads.some(({ state }) => state !== 'found')) return 'no fragment of it is in use';
  const youngest = Math.max(...reads.map((read) => (read.state === 'found' ? read.since.getTime() : 0)));
  return `fragments of it that were made before ${new Date(youngest).toISOString()} are not served`;
}

const STATES = {
  missing: 'no token: nothing that depends on it is in use',
  damaged: 'damaged: sealed with another secret (CACHESWEEPER_SECRET), or by another version of this package',
} as const;

function meaningOf(name: string): string {
  if (name === EVERYTHING) return 'everything';
  if (name.endsWith(':@*')) return 'lists of all tenants';
  if (name.endsWith(':*')) return 'lists';
  return name.includes(':') ? 'the row' : 'the type';
}

function time(since: Date, now: number): readonly [string, string] {
  const age = now - since.getTime();
  return [since.toISOString(), age < 0 ? 'in the future: clocks differ' : `${ms(age)} ago`];
}
