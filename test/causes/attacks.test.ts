import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { type CacheSweeperOptions, describeCause } from 'nunjucks-cachesweeper';
import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { Sealer } from '../../src/cache/seal.ts';
import { currentRequest, hearRequests } from '../../src/invalidation/current-request.ts';
import { UNCERTAIN, UncertainWrites } from '../../src/invalidation/uncertain-writes.ts';
import { placeIn } from '../../src/util/call-site.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, Site } from '../sweeper/site.ts';

const comment = new Comment(7);
const article = new Article(1);
const source = fragment('comment 10', '"comment"');

const sites: Site[] = [];
function siteOf(templates: string | Record<string, string>, options: CacheSweeperOptions = {}): Site {
  const site = new Site(templates, { causes: true, ...options });
  sites.push(site);
  return site;
}
afterEach(async () => {
  vi.restoreAllMocks();
  for (const site of sites.splice(0)) await site.sweeper.close();
});

describe('an invalidation is carried out whatever keeps its cause from being found out:', () => {
  const { prepareStackTrace, stackTraceLimit } = Error;
  afterEach(() => {
    Error.prepareStackTrace = prepareStackTrace;
    Object.defineProperty(Error, 'stackTraceLimit', { value: stackTraceLimit, writable: true });
  });
  const faults: readonly (readonly [string, () => void])[] = [
    [
      'the working directory was removed, as by a deployment',
      () =>
        vi.spyOn(process, 'cwd').mockImplementation(() => {
          throw new Error('ENOENT: uv_cwd');
        }),
    ],
    [
      'stacks are made to lists',
      () => {
        Error.prepareStackTrace = (_error, frames) => frames;
      },
    ],
    [
      'making stacks fails',
      () => {
        Error.prepareStackTrace = () => {
          throw new Error('no stack');
        };
      },
    ],
    [
      'the length of stacks is frozen',
      () => Object.defineProperty(Error, 'stackTraceLimit', { value: 10, writable: false }),
    ],
  ];
  test.each(faults)('%s', async (_title, break_) => {
    const site = siteOf(source);
    await site.render({ comment });
    break_();
    await site.sweeper.invalidateCacheFor(comment);
    expect((await site.render({ comment })).ran).toEqual(['comment']);
    break_();
    await site.sweeper.transaction((transaction) => transaction.invalidateCacheFor(comment));
    expect((await site.render({ comment })).ran).toEqual(['comment']);
  });
});

/** Runs a function in the handler of a request that is not answered before. */
async function inRequest(
  method: string,
  target: string,
  handle: (incoming: IncomingMessage) => unknown,
): Promise<void> {
  let error: unknown;
  const server = createServer(async (incoming, response) => {
    try {
      await handle(incoming);
    } catch (thrown) {
      error = thrown;
    }
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const asked = request({ host: '127.0.0.1', port, method, path: target }).end();
  const [answer] = await once(asked, 'response');
  answer.resume();
  await once(answer, 'end');
  await new Promise((resolve) => server.close(resolve));
  if (error !== undefined) throw error;
}

test('code that runs for longer than the request that began it names no request', async () => {
  const site = siteOf(source);
  await site.render({ comment });
  let begun: Promise<void> | undefined;
  let go = () => {};
  await inRequest('GET', '/first', () => {
    // As a pool, a queue or an interval does that the first request begins.
    begun = new Promise<void>((resolve) => {
      go = resolve;
    }).then(() => site.sweeper.invalidateCacheFor(comment));
  });
  go();
  await begun;
  await site.render({ comment });
  expect(site.fragments[0]?.cause).toMatchObject({ why: 'bumped', name: 'Comment:=7' });
  expect(site.fragments[0]?.cause?.bump?.request).toBeUndefined();
});

test('what is bumped again for all uncertain writes is of no request, although a request has begun it', async () => {
  hearRequests();
  const bumped: unknown[] = [];
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  try {
    await inRequest('POST', '/first', async () => {
      const writes = new UncertainWrites(async () => void bumped.push(currentRequest()));
      await writes.add(new Set(['Comment:=7']));
      await vi.advanceTimersByTimeAsync(2 * UNCERTAIN);
    });
  } finally {
    vi.useRealTimers();
  }
  expect(bumped).toEqual(['POST /first', undefined]);
});

test.each([
  ['/a?token=1', 'PUT /a'],
  ['http://name:secret@host/a?b', 'PUT /a'],
  ['//host/a', 'PUT //host/a'],
])('of the target %s a cause names only the path', async (target, line) => {
  hearRequests();
  let current: unknown;
  await inRequest('PUT', target, () => {
    current = currentRequest();
  });
  expect(current).toBe(line);
});

test('requests on one connection, sent at once, are told apart, also where their bodies are read by events', async () => {
  hearRequests();
  const seen: (readonly [string | undefined, unknown])[] = [];
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', async () => {
      seen.push([incoming.url, currentRequest()]);
      // The first is answered last.
      for (let turn = 0; turn < 10 - chunks.length; turn++) await new Promise((resolve) => setImmediate(resolve));
      seen.push([incoming.url, currentRequest()]);
      response.end(Buffer.concat(chunks));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const socket = connect(port, '127.0.0.1');
  const post = (n: number) => `POST /${n} HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nbody${n}`;
  socket.write(post(1) + post(2));
  let got = '';
  for await (const chunk of socket) {
    got += chunk;
    if (got.includes('body2') && !got.includes('body3')) socket.write(post(3));
    if (got.includes('body3')) break;
  }
  socket.destroy();
  await new Promise((resolve) => server.close(resolve));
  expect(seen).toHaveLength(6);
  for (const [url, current] of seen) expect(current).toBe(`POST ${url}`);
});

test('an event of an object that inherits from the request is of that object, and of its request', async () => {
  hearRequests();
  const seen: unknown[] = [];
  await inRequest('POST', '/7', (incoming) => {
    const derived = Object.create(incoming) as IncomingMessage;
    derived.on('told', function (this: unknown, what: unknown) {
      seen.push(this === derived, what, currentRequest());
    });
    seen.push(derived.emit('told', 'x'), derived.emit('not heard'), Object.keys(incoming).includes('emit'));
  });
  expect(seen).toEqual([true, 'x', 'POST /7', true, false, false]);
});

test.each([undefined, 7, '', {}])('because() refuses %o', (by) => {
  const transaction = siteOf(source).sweeper.beginTransaction();
  const tell = vi.fn();
  expect(() => transaction.because(by as never, tell)).toThrow(
    expect.objectContaining({ code: 'CACHESWEEPER_BAD_OPTION' }),
  );
  expect(tell).not.toHaveBeenCalled();
});

/** A store whose reads of some keys wait for something. */
class HeldStore extends TestingStore {
  meanwhile: ((kind: string, keys: readonly string[]) => Promise<void> | undefined) | undefined;

  override async getMany(...call: Parameters<TestingStore['getMany']>): ReturnType<TestingStore['getMany']> {
    await this.meanwhile?.(call[0], call[1]);
    return super.getMany(...call);
  }
}

test('of an entry that is younger than the tokens which a page has read, none is the cause', async () => {
  const templates =
    fragment('comment 0', '"comment"') + fragment('article 0', '"outer"', fragment('comment 0', '"inner"'));
  const store = new HeldStore();
  const [a, b] = [store, new TestingStore({ shared: store })].map((each) =>
    siteOf(templates, { store: each, memory: false }),
  ) as [Site, Site];
  const pass = (milliseconds: number) => {
    for (const site of [a, b]) site.now += milliseconds;
  };
  const show = async (site: Site) => {
    await site.renderSince(site.now, { article, comment });
    await site.sweeper.idle();
  };
  await show(a);
  pass(60_000);
  await a.sweeper.invalidateCacheFor(comment);
  pass(60_000);
  await show(a);
  store.meanwhile = async (kind) => {
    if (kind !== 'entry') return;
    store.meanwhile = undefined;
    // The tokens are answered meanwhile.
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
    pass(60_000);
    await b.sweeper.invalidateCacheFor(comment);
    pass(60_000);
    await show(b);
  };
  await show(a);
  const missed = a.fragments.filter(({ outcome }) => outcome === 'miss');
  expect(missed.length).toBeGreaterThan(0);
  expect(missed.map(({ cause }) => cause)).toEqual([{ why: 'unknown' }]);
});

test('control characters of ids, paths and of the store are escaped in the words for a cause', () => {
  const bump = {
    by: 'PUT https://api.example/\x1b[2J',
    at: 'src/a\nb.ts:1',
    request: 'POST /\x9b2J\r\nfake',
    time: 0,
    process: 'web\u202e:1',
  };
  const said = describeCause({ why: 'bumped', name: 'Comment:=\x1b]0;x\x07', bump }, 1_000);
  expect(said).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
  expect(said).toContain('POST /\\u009b2J\\u000d\\u000afake');
});

test.each([
  ['    at save (/app/(admin)/routes.ts:12:5)', '/app/(admin)/routes.ts', '12'],
  ['    at async file:///app/(admin)/a%20b.ts:3:1', '/app/(admin)/a b.ts', '3'],
  ['    at /app/routes.ts:12:5', '/app/routes.ts', '12'],
  ['    at new Foo.bar [as baz] (file:///app/routes.ts:12:5)', '/app/routes.ts', '12'],
])('the place of a frame is found: %s', (frame, file, line) => {
  expect(placeIn(frame)).toEqual({ file, line });
});

test.each([
  '    at async Promise.all (index 0)',
  '    at eval (eval at run (/app/x.js:1:1), <anonymous>:1:1)',
  '    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)',
  '    at Array.map (<anonymous>)',
])('and where it is in no file, it has none: %s', (frame) => {
  expect(placeIn(frame)).toBeUndefined();
});

describe('with a store', () => {
  test.each([
    ['longer than what this package writes', { by: 'x'.repeat(100_000) }],
    ['with a time that is none', { by: 'x', time: Number.POSITIVE_INFINITY }],
    ['a list', []],
  ])('a cause in it that is %s is not taken', async (_title, wrong) => {
    const store = new TestingStore();
    const [a, b] = [siteOf(source, { store }), siteOf(source, { store: new TestingStore({ shared: store }) })];
    await a.render({ comment });
    await a.sweeper.idle();
    await b.sweeper.invalidateCacheFor(comment);
    await b.sweeper.idle();
    const sealer = new Sealer(undefined as never);
    const text = JSON.stringify({ process: 'p', time: 1, ...wrong }).replace('null', '1e999');
    store.script = () => ({
      corrupt: (value, key) => (key.includes(':cause:') ? sealer.seal('cause', key, text) : value),
    });
    await a.render({ comment });
    await a.sweeper.idle();
    expect(a.fragments[0]?.cause).toEqual({ why: 'bumped', name: 'Comment:=7', bump: undefined });
  });

  test('many bumps at one time leave room for the writes of entries', async () => {
    const store = new TestingStore();
    const site = siteOf(fragment('article 0', '"article"'), { store });
    const bumps = Array.from({ length: 1_100 }, (_, i) => site.sweeper.invalidateCacheFor(new Comment(i)));
    await site.render({ article });
    await Promise.all(bumps);
    await site.sweeper.idle();
    expect(site.sweeper.stats().writesDropped).toBe(0);
  });

  test('reports wait for it, at most 100, in the context of their page, and none is lost when the sweeper is closed', async () => {
    const store = new HeldStore();
    const contexts = new AsyncLocalStorage<number>();
    const told: (readonly [number | undefined, boolean])[] = [];
    const a = siteOf(source, {
      store,
      onRender: ({ fragments }) => void told.push([contexts.getStore(), fragments[0]?.cause?.bump !== undefined]),
    });
    const b = siteOf(source, { store: new TestingStore({ shared: store }) });
    const comments = Array.from({ length: 103 }, (_, id) => new Comment(id));
    for (const each of comments) await a.render({ comment: each });
    await a.sweeper.idle();
    await b.sweeper.invalidateCacheFor(Comment);
    await b.sweeper.idle();
    told.length = 0;
    let answer = () => {};
    const held = new Promise<void>((resolve) => {
      answer = resolve;
    });
    store.meanwhile = (_kind, keys) => (keys[0]?.includes(':cause:') ? held : undefined);
    const pages = comments.map((each, i) => contexts.run(i, () => a.render({ comment: each })));
    await Promise.all(pages);
    expect(told.map(([, isKnown]) => isKnown)).toEqual([false, false, false]);
    const closed = a.sweeper.close();
    answer();
    await closed;
    expect(told.map(([i]) => i).sort((i, j) => Number(i) - Number(j))).toEqual(comments.map(({ id }) => id));
    expect(told.filter(([, isKnown]) => isKnown)).toHaveLength(100);
  });
});
