import fc from 'fast-check';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { Packing } from '../../src/cache/shared/packing.ts';
import { SafeStore } from '../../src/cache/shared/safe-store.ts';
import { SharedEntries } from '../../src/cache/shared/shared-entries.ts';
import { SharedTokens } from '../../src/cache/shared/shared-tokens.ts';
import { StoreTokenReader } from '../../src/cache/store-token-reader.ts';
import { guardOf, isSparse } from '../../src/model/sparse-names.ts';
import { runs } from '../support/long.ts';

const SCOPE = { namespace: '', version: 1 };
const TIMEOUT = 1_000;
const NAME = '@view:=path:/a';
const NONE = new Map<string, string>();

/** A process: its own view of a store that others use, too. */
function process(shared?: TestingStore) {
  const store = shared === undefined ? new TestingStore() : new TestingStore({ shared });
  const safe = new SafeStore(store, (error) => {
    throw error;
  });
  const sealer = new Sealer();
  const tokens = new SharedTokens(safe, sealer, SCOPE, Date.now, () => {});
  const entries = new SharedEntries(safe, new Packing(sealer, Number.POSITIVE_INFINITY), () => {});
  const bump = (...names: string[]) => tokens.bump(names, NONE, TIMEOUT);
  const reader = () => new StoreTokenReader(tokens, entries, TIMEOUT);
  return { store, tokens, bump, reader };
}

/** Reads the name's token and its guard's, as a request does before its handler runs. */
async function begin({ reader }: ReturnType<typeof process>, name = NAME) {
  const own = reader();
  own.token(name);
  await own.ask();
  if (!own.isMissing(name)) return { reader: own, guards: undefined };
  own.token(guardOf(name));
  await own.ask();
  return { reader: own, guards: new Map([[name, own.token(guardOf(name)) as string]]) };
}

test('the own names of views are sparse; they share 256 guards, which are not', () => {
  expect(['@view:=path:/', '@view:=name:"a"[]'].every(isSparse)).toBe(true);
  expect(['@view', '*', 'Comment:=7', '@viewer:=1', guardOf(NAME)].some(isSparse)).toBe(false);
  expect(new Set(Array.from({ length: 10_000 }, (_, i) => guardOf(`@view:=path:/${i}`))).size).toBe(256);
});

test('reading a sparse name writes nothing; another name gets a token', async () => {
  const { store, tokens } = process();
  const { tokens: found, missing } = await tokens.read([NAME, 'Comment'], TIMEOUT);
  expect([[...found.keys()], [...missing]]).toEqual([['Comment'], [NAME]]);
  expect(store.keys('token')).toEqual([':1:Comment']);
});

test('a claimed token and one of a bump expire; guards and other names do not', async () => {
  let now = Date.now();
  const store = new TestingStore({ now: () => now });
  const tokens = new SharedTokens(
    new SafeStore(store, () => {}),
    new Sealer(),
    SCOPE,
    () => now,
    () => {},
  );
  const other = '@view:=path:/b';
  await tokens.read([guardOf(NAME), '*'], TIMEOUT);
  const guard = (await tokens.read([guardOf(NAME)], TIMEOUT)).tokens.get(guardOf(NAME)) as string;
  expect(await tokens.claim(new Map([[NAME, guard]]), 60, TIMEOUT)).toBeDefined();
  expect(await tokens.bump([other], NONE, TIMEOUT)).toEqual([]);
  const missing = async () => [...(await tokens.read([NAME, other, '*'], TIMEOUT)).missing];
  expect(await missing()).toEqual([]);
  now += 61_000;
  expect(await missing()).toEqual([NAME]);
  now += 25 * 60 * 60 * 1_000;
  expect(await missing()).toEqual([NAME, other]);
  expect((await tokens.read([guardOf(NAME)], TIMEOUT)).tokens.get(guardOf(NAME))).toBe(guard);
});

test('a bump is acknowledged only when its guard is, and tried again otherwise', async () => {
  const { store, bump, tokens } = process();
  store.script = ({ method }) => (method === 'setMany' ? { outcome: 'unknown' } : undefined);
  expect(await bump(NAME)).toEqual([NAME]);
  expect(tokens.failing).toEqual([NAME]);
  expect((await tokens.read([NAME], TIMEOUT)).missing.size).toBe(0);
  store.script = undefined;
  await tokens.idle();
  expect(tokens.failing).toEqual([]);
  expect(store.keys('token').sort()).toEqual([`:1:${NAME}`, `:1:${guardOf(NAME)}`].sort());
  await tokens.close();
});

test('two that make the same view share one token', async () => {
  const here = process();
  const there = process(here.store);
  const [one, two] = [await begin(here), await begin(there)];
  for (const { reader, guards } of [one, two]) expect(await reader.claim(guards!, 60)).toBe(true);
  expect(two.reader.token(NAME)).toBe(one.reader.token(NAME));
});

/**
 * Steps of two processes and of a store that forgets. What is stored shows the data of its begin, and may be served only
 * while no bump was acknowledged since.
 */
const step = fc.oneof(
  fc.record({ do: fc.constant('begin' as const), at: fc.nat(1) }),
  fc.record({ do: fc.constant('end' as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant('bump' as const), at: fc.nat(1) }),
  fc.record({ do: fc.constant('forget' as const), what: fc.constantFrom('name' as const, 'guard' as const) }),
);

test('whatever the store forgets, nothing made before an acknowledged bump is valid after it', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30, size: 'max' }), async (steps) => {
      const first = process();
      const processes = [first, process(first.store)];
      let bumps = 0;
      const open: { readonly begun: Awaited<ReturnType<typeof begin>>; readonly data: number }[] = [];
      const stored: { readonly token: string; readonly data: number }[] = [];
      for (const what of steps) {
        if (what.do === 'begin') open.push({ begun: await begin(processes[what.at]!), data: bumps });
        if (what.do === 'bump' && (await processes[what.at]!.bump(NAME)).length === 0) bumps++;
        if (what.do === 'forget') {
          const key = what.what === 'name' ? `:1:${NAME}` : `:1:${guardOf(NAME)}`;
          first.store.evict('token', (own) => own === key);
        }
        if (what.do === 'end') {
          const [made] = open.splice(what.which, 1);
          if (made === undefined) continue;
          const { reader, guards } = made.begun;
          if (guards !== undefined && !(await reader.claim(guards, 60))) continue;
          stored.push({ token: reader.token(NAME) as string, data: made.data });
        }
        const now = (await first.tokens.read([NAME], TIMEOUT)).tokens.get(NAME);
        for (const { token, data } of stored) if (token === now) expect(data).toBe(bumps);
      }
    }),
    runs(200, 20_000, 1_000),
  );
});
