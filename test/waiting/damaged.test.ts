import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { type Entry, readEntry, type StoredEntry, writeEntry } from '../../src/cache/entry.ts';
import { Sealer } from '../../src/cache/seal.ts';
import { Article } from '../support/models.ts';
import { Clock, operationsOf, SETTLED, Site } from './support.ts';

const templates = {
  'page.njk':
    '{% cachesweeper article 500 %}<{{ article.title }}>{% endcachesweeper %}{% cachesweeper other 500 %}({{ other.title }}){% endcachesweeper %}',
};
const html = '<A>(B)';
const sealer = new Sealer();

/** A store with a page in it, and another process that has never rendered it. */
async function stored() {
  const clock = new Clock();
  const store = new TestingStore({ now: clock.now });
  const writer = new Site(templates, { store, now: clock.now });
  const context = { article: new Article(1, 'A'), other: new Article(2, 'B') };
  for (let i = 0; i < 2; i++) {
    await writer.page(context);
    clock.advance(SETTLED);
  }
  const reading = new TestingStore({ now: clock.now, shared: store });
  const reader = new Site(templates, { store: reading, now: clock.now });
  return { clock, store, writer, reading, reader, context };
}

const text = (value: Uint8Array) => Buffer.from(value).toString('utf8');

/** Ways in which an entry can come back that it was not stored in. */
const damages: Record<string, (value: Uint8Array, key: string) => Uint8Array> = {
  'a bit flipped at the end': (value) => flipped(value, value.length - 1),
  'a bit flipped at the start': (value) => flipped(value, 0),
  'a bit flipped in the middle': (value) => flipped(value, value.length >> 1),
  'cut at the end': (value) => value.slice(0, -1),
  'cut at the start': (value) => value.slice(1),
  'cut in half': (value) => value.slice(0, value.length >> 1),
  empty: () => new Uint8Array(0),
  'something behind it': (value) => Buffer.concat([value, Buffer.from('<script>')]),
  'another format': (value) => Buffer.from(text(value).replace('csw5', 'csw9')),
  'no UTF-8': (value) => value.map((byte) => byte | 0x80),
  zeros: (value) => new Uint8Array(value.length),
  'other html under the same digest': (value) => Buffer.from(text(value).replace(/<A>|\(B\)/, '<X>')),
};

function flipped(value: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(value);
  copy[at] = (copy[at] as number) ^ 1;
  return copy;
}

describe('an entry that comes back as', () => {
  test.each(Object.entries(damages))('%s is a miss, reported, and replaced', async (_what, corrupt) => {
    const { clock, reading, reader, context } = await stored();
    reading.script = ({ kind }) => (kind === 'entry' ? { corrupt } : undefined);
    expect(await reader.page(context)).toBe(html);
    expect(reader.outcomes).toEqual(['miss', 'miss']);
    expect(reader.errors.map(String).join()).toContain('damaged entry');
    reading.script = undefined;
    clock.advance(SETTLED);
    expect(await reader.page(context)).toBe(html);
    expect(reader.outcomes).toEqual(['hit', 'hit']);
  });

  test('the entry of another fragment is a miss', async () => {
    const { reading, reader, context } = await stored();
    const honest = reading.getMany.bind(reading);
    reading.getMany = async (kind, keys, call) =>
      kind === 'entry' ? [...(await honest(kind, keys, call))].reverse() : honest(kind, keys, call);
    expect(await reader.page(context)).toBe(html);
    expect(reader.outcomes).toEqual(['miss', 'miss']);
  });
});

describe('a token that comes back as', () => {
  const tokens: Record<string, (value: Uint8Array, key: string) => Uint8Array> = {
    ...Object.fromEntries(Object.entries(damages).filter(([what]) => !what.includes('html'))),
    'no token at all, under a good digest': (_value, key) => sealer.seal('token', key, 'x'),
    'a number, as a counter would be, under a good digest': (_value, key) => sealer.seal('token', key, '17'),
  };
  test.each(Object.entries(tokens))('%s is replaced by a new one, and reported', async (_what, corrupt) => {
    const { clock, store, reading, reader, context } = await stored();
    const values = async () => (await store.getMany('token', store.keys('token'), { timeout: 1_000 })).map(textOf);
    const before = await values();
    reading.script = ({ kind, method }) => (kind === 'token' && method === 'getMany' ? { corrupt } : undefined);
    context.article.title = 'A2';
    expect(await reader.page(context)).toBe('<A2>(B)');
    expect(reader.errors.map(String).join()).toContain('damaged token');
    // Nobody knows what it was: everything made under it is invalidated.
    const after = await values();
    expect(after.filter((value) => before.includes(value))).toEqual([]);
    reading.script = undefined;
    clock.advance(SETTLED);
    await reader.page(context);
    clock.advance(SETTLED);
    expect(await reader.page(context)).toBe('<A2>(B)');
    expect(reader.outcomes).toEqual(['hit', 'hit']);
  });
});

test('the token of another name is not taken for this one’s', async () => {
  const { reading, reader, context } = await stored();
  const honest = reading.getMany.bind(reading);
  reading.getMany = async (kind, keys, call) =>
    kind === 'token' ? [...(await honest(kind, keys, call))].reverse() : honest(kind, keys, call);
  expect(await reader.page(context)).toBe(html);
  expect(reader.errors.map(String).join()).toContain('damaged token');
});

function textOf(lookup: { state: string; value?: Uint8Array }): string | undefined {
  return lookup.value && text(lookup.value);
}

describe('an entry that was forged, with a good digest,', () => {
  type Forged = Entry & { readonly canonical: string };
  const forgeries: Record<string, (entry: Forged) => object> = {
    'without templates': (entry) => ({ ...entry, templates: undefined }),
    'with templates that are none': (entry) => ({ ...entry, templates: [null] }),
    'with templates without a name': (entry) => ({ ...entry, templates: [{ name: 7, digest: 'x' }] }),
    'with fewer tokens than names': (entry) => ({ ...entry, dependencies: entry.dependencies.slice(1) }),
    'with names that are none': (entry) => ({ ...entry, dependencies: [1, 2, 3, 4] }),
    'with an expiry that is none': (entry) => ({ ...entry, expires: 'never' }),
    'as a list': () => [1],
    'as null': () => null as unknown as object,
    'for another fragment': (entry) => ({ ...entry, canonical: `${entry.canonical}x` }),
    'with tokens of another time': (entry) => ({
      ...entry,
      dependencies: entry.dependencies.map((text, i) => (i % 2 === 1 ? `${text}x` : text)),
    }),
  };
  test.each(Object.entries(forgeries))('%s is a miss, and no error in a page', async (_what, forge) => {
    const { reading, reader, context } = await stored();
    reading.script = ({ kind }) =>
      kind === 'entry'
        ? {
            corrupt: (value, key) => {
              const { canonical, entry } = readEntry(sealer.unseal('entry', key, value) as string, key) as StoredEntry;
              const forged = forge({ ...entry, canonical, html: 'FORGED' });
              if (forged === null || Array.isArray(forged)) {
                return sealer.seal('entry', key, `${JSON.stringify(forged)}\nFORGED`);
              }
              return sealer.seal('entry', key, writeEntry({ entry: forged as Forged, ...(forged as Forged) }, key));
            },
          }
        : undefined;
    expect(await reader.page(context)).toBe(html);
    expect(reader.outcomes).toEqual(['miss', 'miss']);
  });
});

test('an entry that the store gives back after its expiry is a miss', async () => {
  const { clock, store, context } = await stored();
  // This server's clock stands still: it forgets nothing.
  const sleepy = new TestingStore({ shared: store, now: () => 0 });
  const reader = new Site(templates, { store: sleepy, now: clock.now });
  await reader.page(context);
  expect(reader.outcomes).toEqual(['hit', 'hit']);
  clock.advance(501_000);
  const another = new Site(templates, { store: sleepy, now: clock.now });
  context.article.title = 'A2';
  expect(await another.page(context)).toBe('<A2>(B)');
  operationsOf(store);
});
