import { randomUUID } from 'node:crypto';
import { Sealer } from '../../cache/seal.ts';
import { KnownNames } from '../../cache/shared/known-names.ts';
import { SafeStore } from '../../cache/shared/safe-store.ts';
import { EVERYTHING } from '../../model/names.ts';
import { ExitCode } from '../exit-code.ts';
import { type Io, stylist, widthOf, wrap } from '../io.ts';
import { inMs } from '../milliseconds.ts';
import { openStore, StoreErrors, type StoreOptions } from '../store/open-store.ts';
import { serversIn } from '../store/servers-in.ts';
import { table } from '../table.ts';

/** Milliseconds for the first read, which connects. */
const CONNECT_TIMEOUT = 3_000;
/** Milliseconds for each of the others. */
const TIMEOUT = 1_000;
/** Reads that are timed, behind one that connects. */
const ROUNDS = 20;
/** Entries that are looked for at once, so that each server is asked for some. */
const ENTRIES = 200;

/** Milliseconds. */
interface Latency {
  readonly connecting: number;
  readonly median: number;
  readonly worst: number;
}

/** Tells whether a store can be reached, how fast it answers, and the state of each of its servers. It only reads. */
export async function stats(options: StoreOptions, io: Io): Promise<ExitCode> {
  const { store, settings } = openStore(options, io);
  try {
    const errors = new StoreErrors();
    store.onError?.(errors.report);
    const safe = new SafeStore(store, errors.report);
    const key = new KnownNames(new Sealer(settings.secrets), settings, false).key(EVERYTHING);
    const times: number[] = [];
    let isReachable = true;
    for (let round = 0; round <= ROUNDS && isReachable; round++) {
      const begun = performance.now();
      const [lookup] = await safe.getMany('token', [key], round === 0 ? CONNECT_TIMEOUT : TIMEOUT);
      times.push(performance.now() - begun);
      isReachable = lookup?.state !== 'unknown';
    }
    const keys = Array.from({ length: ENTRIES }, () => `stats:${randomUUID()}`);
    const entries = isReachable ? await safe.getMany('entry', keys, TIMEOUT) : [];
    const answered = entries.filter(({ state }) => state !== 'unknown').length;
    const found = {
      tokens: isReachable ? 'reachable' : 'unreachable',
      entries: answered === ENTRIES ? 'reachable' : answered > 0 ? 'in part' : 'unreachable',
      error: answered === ENTRIES ? errors.first : errors.reason,
      latency: isReachable ? latencyOf(times) : undefined,
      store: store.stats?.() ?? {},
      versions: { package: io.version, node: process.version, key: settings.version },
      namespace: settings.namespace,
    } as const;
    if (options.json === true) io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
    else print(found, io);
    return answered === ENTRIES ? ExitCode.fine : ExitCode.findings;
  } finally {
    await store.close();
  }
}

function latencyOf([connecting = 0, ...times]: readonly number[]): Latency {
  const sorted = [...times].sort((a, b) => a - b);
  return { connecting, median: sorted[sorted.length >> 1] ?? 0, worst: sorted.at(-1) ?? 0 };
}

interface Found {
  readonly tokens: string;
  readonly entries: string;
  readonly error: string | undefined;
  readonly latency: Latency | undefined;
  readonly store: object;
  readonly versions: { readonly package: string; readonly node: string; readonly key: number };
  readonly namespace: string;
}

function print({ tokens, entries, error, latency, store, versions, namespace }: Found, { stdout, env }: Io): void {
  const style = stylist(stdout, env);
  const coloured = (text: string) => style(text === 'reachable' ? 'green' : 'red', text);
  stdout.write(`tokens ${coloured(tokens)}, entries ${coloured(entries)}\n`);
  if (error !== undefined) stdout.write(`${wrap(error, widthOf(stdout), '')}\n`);
  if (latency !== undefined) {
    const { connecting, median, worst } = latency;
    stdout.write(
      `a token in ${inMs(median)}, at worst ${inMs(worst)}; the first, with the connection, in ${inMs(connecting)}\n`,
    );
  }
  const rows = serversIn(store);
  if (rows.length > 0)
    stdout.write(table(stdout, [['server', 'state', 'failures', 'refused', 'dropped'], ...rows], [2, 3, 4]));
  const site = namespace === '' ? 'no namespace' : `namespace ${namespace}`;
  stdout.write(
    `nunjucks-cachesweeper ${versions.package}, Node ${versions.node}; ${site}, key version ${versions.key}\n`,
  );
}
