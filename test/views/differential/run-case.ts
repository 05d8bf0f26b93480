import { normalised, targetOf } from './address.ts';
import { difference, type Expected, fieldOf } from './compare.ts';
import type { Door } from './door.ts';
import { type Asked, type Case, type Framework, shown } from './program.ts';
import { build } from './site.ts';
import { Held, headOf, realOf, withoutConditions } from './visitors.ts';
import { type Answer, Wire } from './wire.ts';

/** Two servers, and a connection to each. */
export interface Doors {
  readonly plain: { readonly door: Door; readonly wire: Wire };
  readonly cached: { readonly door: Door; readonly wire: Wire };
}

/** What came of all requests. */
export class Tally {
  cases = 0;
  requests = 0;
  hits = 0;
  stored = 0;
  unmodified = 0;
  readonly outcomes = new Map<string, number>();

  count({ status, headers }: Answer): void {
    const outcome = headers.get('x-cache')?.[0] ?? 'none';
    this.requests++;
    if (outcome === 'hit') this.hits++;
    if (outcome === 'miss') this.stored++;
    if (status === 304) this.unmodified++;
    this.outcomes.set(outcome, (this.outcomes.get(outcome) ?? 0) + 1);
  }

  toString(): string {
    const outcomes = [...this.outcomes].sort(([, a], [, b]) => b - a).map(([name, count]) => `${name} ${count}`);
    return `${this.requests} requests of ${this.cases} programs, 304: ${this.unmodified}; ${outcomes.join(', ')}`;
  }
}

/** An answer that its request would not have got without the cache. */
export class Mismatch extends Error {}

/**
 * Asks the site of a program, with the cache and without, for the same.
 *
 * @param isCached false for twice the same site, which shows that the difference is the cache's
 */
export async function runCase(
  framework: Framework,
  one: Case,
  doors: Doors,
  tally: Tally,
  isCached = true,
): Promise<void> {
  const { program } = one;
  const [plain, cached] = [await build(framework, program, false), await build(framework, program, isCached)];
  doors.plain.door.listener = plain.listener;
  doors.cached.door.listener = cached.listener;
  const held = new Held();
  const known = new Map<string, Expected>();
  const expect: Expect = async (asked, real) => {
    const head = headOf(framework, asked);
    const key = `${head} ${headOf(framework, real)}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    const { wire, door } = doors.plain;
    door.real = realOf(framework, real);
    const answer = await wire.ask(head, asked.method === 'HEAD');
    const expected = { answer, trace: door.traceOf(wire.localPort) };
    known.set(key, expected);
    return expected;
  };
  tally.cases++;
  try {
    for (const [i, asked] of one.asked.entries()) {
      const sent = { ...asked, headers: [...asked.headers, ...held.conditions(asked)] };
      const head = headOf(framework, sent);
      const got = await doors.cached.wire.ask(head, asked.method === 'HEAD');
      await cached.settled();
      tally.count(got);
      const wrong = (await wrongWith(sent, got, one, held, expect)) ?? held.keep(asked, got);
      if (wrong !== undefined) throw new Mismatch(await told(framework, one, i, { head, got, wrong }, expect));
    }
  } finally {
    await plain.close();
    await cached.close();
  }
}

/** Asks without the cache. Code outside of it sees `real`, the request as it came. */
type Expect = (asked: Asked, real: Asked) => Promise<Expected>;

/**
 * A page from the cache, or one that is kept, is the one for the address as documented, without conditions. An answer in which the cache took
 * no part may as well be that for the request as it came.
 */
async function wrongWith(
  asked: Asked,
  got: Answer,
  { program }: Case,
  held: Held,
  expect: Expect,
): Promise<string | undefined> {
  const outcome = fieldOf(got, 'x-cache');
  const isKept = outcome === 'hit' || outcome === 'miss';
  const address = normalised(asked, program.site);
  const bodyHeld = held.bodyOf(asked);
  if (address === undefined && isKept) return `${outcome} for an address that the cache leaves alone`;
  const wanted = address === undefined ? [] : [withoutConditions(address)];
  if (!isKept) wanted.push(withoutConditions(asked), asked, ...(address === undefined ? [] : [address]));
  // What a client holds is a page, whatever it asks with.
  if (got.status === 304) wanted.push(...wanted.map((one): Asked => ({ ...one, method: 'GET' })));
  let first: string | undefined;
  for (const one of wanted) {
    const found = difference(await expect(one, asked), got, bodyHeld);
    if (found === undefined) return undefined;
    first ??= found;
  }
  return first;
}

interface Failure {
  readonly head: string;
  readonly got: Answer;
  readonly wrong: string;
}

async function told(
  framework: Framework,
  { program, asked }: Case,
  at: number,
  { head, got, wrong }: Failure,
  expect: Expect,
): Promise<string> {
  const victim = asked[at] as Asked;
  const address = normalised(victim, program.site) ?? victim;
  const wanted = (await expect(withoutConditions(address), victim)).answer;
  const fills = asked.slice(0, at).filter((one) => {
    return targetOf(normalised(one, program.site) ?? one) === targetOf(address);
  });
  return [
    `${framework}: ${wrong}`,
    shown(program),
    ...fills.slice(0, 3).map((one) => `  before:  ${line(headOf(framework, one))}`),
    `  request: ${line(head)}`,
    `  got:     ${page(got)}`,
    `  instead: ${page(wanted)}`,
  ].join('\n');
}

const line = (head: string) => head.trim().replaceAll(' HTTP/1.1', '').replaceAll('\r\n', ' | ').slice(0, 600);

function page({ status, headers, body }: Answer): string {
  const kept = [...headers].filter(
    ([name]) => !/^(?:date|keep-alive|connection|content-type|x-powered-by)$/.test(name),
  );
  const named = kept.map(([name, values]) => `${name}: ${values.join(', ')}`).join(' | ');
  return `${status} | ${named} | ${JSON.stringify(body.slice(0, 600))}`;
}

/** Opens two servers that stay for all cases. */
export async function openDoors(open: () => Promise<Door>): Promise<Doors & { close(): Promise<void> }> {
  const [plain, cached] = [await open(), await open()];
  const wires = [new Wire(plain.port), new Wire(cached.port)] as const;
  return {
    plain: { door: plain, wire: wires[0] },
    cached: { door: cached, wire: wires[1] },
    close: async () => {
      for (const wire of wires) wire.close();
      await plain.close();
      await cached.close();
    },
  };
}
