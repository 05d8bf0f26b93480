import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { bumpFailed } from '../../src/invalidation/bumps.ts';
import { Intruder, type Stored } from '../support/intruder.ts';
import { isDeep } from '../support/long.ts';
import { Memcached } from '../support/memcached.ts';
import { Clock } from '../waiting/support.ts';
import { sites } from './running.ts';
import { type Call, frameworks } from './sites.ts';

let server: Memcached;
let intruder: Intruder;
beforeAll(async () => {
  server = await Memcached.start();
  intruder = new Intruder(server.port);
});
afterAll(() => intruder.close());

const sealer = new Sealer();
type Head = Record<string, unknown>;

/** Changes a stored view, and seals it anew. */
function changed(key: string, { value }: Stored, change: (head: Head) => unknown): Stored {
  const text = sealer.unseal('entry', key.slice(2), value) as string;
  const [entry, shape, head, ...body] = text.split('\n') as [string, string, string, ...string[]];
  const written = JSON.stringify(change(JSON.parse(head) as Head));
  const payload = [entry, shape, written ?? 'undefined', ...body].join('\n');
  return { flags: 0, value: Buffer.from(sealer.seal('entry', key.slice(2), payload)) };
}

/** Returns the entries whose keys begin like this. Memcached's list may lack what was written a moment ago. */
async function entriesOf(beginning: string): Promise<[string, Stored][]> {
  for (let tries = 0; tries < 100; tries++) {
    const isEntry = ([key]: [string, Stored]) => key.startsWith(beginning) && !key.includes(':lease:');
    const own = [...(await intruder.all())].filter(isEntry);
    if (own.length > 0) return own;
  }
  throw new Error(`the server lists no ${beginning}`);
}

const headers = (given: unknown) => (head: Head) => ({ ...head, headers: given });
const FORGED: Record<string, (head: Head) => unknown> = {
  'a status that HTTP does not have': (head) => ({ ...head, status: 99_999 }),
  'a status that is no number': (head) => ({ ...head, status: '200' }),
  'a status that is never cached': (head) => ({ ...head, status: 500 }),
  'a status that this route does not cache': (head) => ({ ...head, status: 404 }),
  'no headers': headers(null),
  'headers as a list': headers([['x-a', 'b']]),
  'a name that is no token': headers({ 'x a': 'b' }),
  'a name with a line feed': headers({ 'x-a\nx-b': 'b' }),
  'no name': headers({ '': 'b' }),
  'a value with a line feed': headers({ 'x-a': 'b\r\nSet-Cookie: c=d' }),
  'a value with a character that no header holds': headers({ 'x-a': '😀' }),
  'a value that is an object': headers({ 'x-a': { b: 'c' } }),
  'a list of something else than text': headers({ 'x-a': ['b', null] }),
  'two types': headers({ 'content-type': ['text/html', 'text/plain'] }),
  'two addresses to go to': headers({ location: ['/a', '/b'] }),
  'settings of a connection': headers({ 'http2-settings': 'x' }),
  'a list with a line feed': headers({ 'x-a': ['b', 'c\nd'] }),
  'a cookie': headers({ 'set-cookie': 'a=b' }),
  'a length': headers({ 'content-length': '3' }),
  'a coding of the transfer': headers({ 'transfer-encoding': 'chunked' }),
  'many headers': headers(Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, 'a']))),
  'large headers': headers({ 'x-a': 'a'.repeat(20_000) }),
  'a removed header that has no name': (head) => ({ ...head, removed: ['x y'] }),
  'removed headers that are no list': (head) => ({ ...head, removed: 'x-a' }),
  'a weak tag': (head) => ({ ...head, etag: 'W/"a"' }),
  'a tag with a line feed': (head) => ({ ...head, etag: '"a\nb"' }),
  'a tag that is no text': (head) => ({ ...head, etag: 7 }),
  'a time beyond all dates': (head) => ({ ...head, created: 1e300 }),
  'a time before all dates': (head) => ({ ...head, created: -1 }),
  'a time that is no number': (head) => ({ ...head, created: null }),
  'a Vary of something else than names': () => ({ vary: [{}, 'a b'] }),
  'a Vary of very many names': () => ({ vary: Array.from({ length: 1_000 }, (_, i) => `x-${i}`) }),
  'a record of names that are no text': () => ({ reads: [7], stored: [] }),
  'a record of lists of names': () => ({ reads: [['headers.x-a']], stored: [] }),
  'a record of all headers': () => ({ reads: ['headers'], stored: [] }),
  'a record of names without a place': () => ({ reads: ['x', '__proto__.y', 'req.__proto__'], stored: ['', 'a'] }),
  'headers for one visitor': headers({ 'clear-site-data': '"*"' }),
  'a policy with a nonce': headers({ 'content-security-policy': "script-src 'nonce-abc'" }),
  'a part of a page': headers({ 'content-range': 'bytes 0-1/2' }),
  'a Vary that stands for a visitor': headers({ vary: 'Cookie' }),
  'no object': () => 'x',
  null: () => null,
  nothing: () => undefined,
};

const open =
  (...places: unknown[]) =>
  (head: Head) => ({ ...head, open: places });
const openHeaders =
  (...places: unknown[]) =>
  (head: Head) => ({ ...head, openHeaders: places });
const at = (position: unknown, name: unknown = 'csrf') => ({ at: position, name });
/** Places in which each visitor's own values are put. */
const FORGED_PLACES: Record<string, (head: Head) => unknown> = {
  'places that are no list': (head) => ({ ...head, open: { at: 0, name: 'csrf' } }),
  'a place that is nothing': open(null),
  'places in another order': open(at(4), at(1)),
  'a place before the page': open(at(-1)),
  'a place behind the page': open(at(1_000)),
  'a place between two bytes': open(at(1.5)),
  'a place that is no number': open(at('1')),
  'a place for something that nobody has': open(at(1, 'session')),
  'a place for what is no name': open(at(1, 7)),
  'a place for an own property of objects': open(at(1, '__proto__')),
  'very many places': open(...Array.from({ length: 1_001 }, () => at(1))),
  'places of headers that are no list': (head) => ({ ...head, openHeaders: 7 }),
  'a place of a header that is not there': openHeaders({ header: 'x-a', line: 0, at: 0, name: 'csrf' }),
  'a place of a method of objects': openHeaders({ header: 'toString', line: 0, at: 0, name: 'csrf' }),
  'a place of a line that is not there': openHeaders({ header: 'x-token', line: 1, at: 0, name: 'csrf' }),
  'a place behind a header': openHeaders({ header: 'x-token', line: 0, at: 99, name: 'csrf' }),
  'a place of a header for something that nobody has': openHeaders({ header: 'x-token', line: 0, at: 0, name: 'x' }),
  'very many places of headers': openHeaders(
    ...Array.from({ length: 1_001 }, () => ({ header: 'x-token', line: 0, at: 0, name: 'csrf' })),
  ),
};

/** What is checked knows no framework; that each of them sends what passes is tried in CI. */
const chosen = isDeep ? frameworks : frameworks.slice(0, 1);

describe.each(chosen)('%s: a stranger who can write to the store, without secret', (name, start) => {
  const running = sites(start, () => ({
    store: new MemcachedStore(server.address),
    memory: false,
  }));

  test.each(Object.entries(FORGED))('puts %s there: a miss, and the page as it is', async (what, change) => {
    const namespace = `${name}-${what.replaceAll(' ', '-')}`;
    const clock = new Clock();
    const { get } = await running(
      [{ path: '/', handler: (call) => call.send('the page') }],
      {},
      { now: clock.now, maxDataAge: '3s', namespace },
    );
    const host = { Host: 'site.example' };
    // The first answer may be kept for a short time only.
    await get('/', host);
    clock.advance(10_000);
    await get('/', host);
    const { headers: honest } = await get('/', host);
    expect(honest['x-cache']).toBe('hit');
    const own = await entriesOf(`e:${namespace}`);
    for (const [key, stored] of own) await intruder.set(key, changed(key, stored, change));
    const answer = await get('/', host);
    expect(answer).toMatchObject({ status: 200, text: 'the page', cache: 'miss' });
    expect(Object.keys(answer.headers).filter((key) => /^x-(?!cache|powered)|cookie/.test(key))).toEqual([]);
    // It is replaced.
    expect((await get('/', host)).cache).toBe('hit');
  });

  const csrf = 'csrf-0123456789abcdef';
  const values = { replace: () => ({ csrf }) };
  const places = Object.entries(FORGED_PLACES).map(([what, change]) => [what, change, values] as const);
  // Where nothing is replaced, no place is known.
  const unknown = [['a place that is in order', open(at(1)), {}] as const];

  test.each([...places, ...unknown])('puts %s there: a miss, and the page as it is', async (what, change, options) => {
    const namespace = `${name}-${what.replaceAll(' ', '-')}`;
    const clock = new Clock();
    const handler = (call: Call) => {
      call.set('X-Token', `token ${csrf}`);
      call.send(`the page ${csrf}`);
    };
    const { get } = await running(
      [{ path: '/', handler, options }],
      {},
      { now: clock.now, maxDataAge: '3s', namespace },
    );
    const host = { Host: 'site.example' };
    await get('/', host);
    clock.advance(10_000);
    await get('/', host);
    expect((await get('/', host)).cache).toBe('hit');
    const own = await entriesOf(`e:${namespace}`);
    for (const [key, stored] of own) await intruder.set(key, changed(key, stored, change));
    const answer = await get('/', host);
    expect(answer).toMatchObject({ status: 200, text: `the page ${csrf}`, cache: 'miss' });
    expect(answer.headers['x-token']).toBe(`token ${csrf}`);
    expect((await get('/', host)).cache).toBe('hit');
  });
});

test('a path with control characters and halves of characters is escaped in what is reported', () => {
  const { message, names } = bumpFailed(['@view:=path:/a\nERROR forged\u001b[2J\u202e\u2028\ud800', 'b'], 'lost');
  expect(message).toBe('@view:=path:/a\\u000aERROR forged\\u001b[2J\\u202e\\u2028\\ud800, b: lost');
  expect(names?.[0]).toContain('\n');
  expect(bumpFailed(['x'.repeat(1_000)], 'lost').message).toBe(`${'x'.repeat(200)}…: lost`);
});
