import { MemcachedStore } from 'nunjucks-cachesweeper/memcached';
import { describe, expect, onTestFinished, test } from 'vitest';
import { isToken, tokenRecord, tokenTime } from '../../src/cache/token.ts';
import { Article, Comment } from '../support/models.ts';
import { type Behaviour, frame, honest, type Received, ScriptedServer } from '../support/scripted-server.ts';
import { freePort } from '../support/server-process.ts';
import { failureOf, Site } from '../waiting/support.ts';

const SET = 0x01;
const templates = { 'page.njk': '{% cachesweeper comment 500 %}{{ comment.text }}{% endcachesweeper %}' };

function siteOf(address: string): Site {
  const site = new Site(templates, { store: new MemcachedStore(address) });
  onTestFinished(() => site.sweeper.close());
  return site;
}

/** A site that has a connection, and what its server was sent since. */
async function connected() {
  const server = await ScriptedServer.start();
  const site = siteOf(server.address);
  await site.page({ comment: new Comment(1) });
  server.requests.length = 0;
  server.packets.length = 0;
  return { server, site };
}

/** Refuses to write some tokens. */
const refusing =
  (isRefused: (key: string) => boolean): Behaviour =>
  (socket, exchanges) =>
    honest(
      socket,
      exchanges.map(({ request, answer }) => ({
        request,
        answer: request.opcode === SET && isRefused(request.key) ? frame(request, { status: 0x82 }) : answer,
      })),
    );
/** What is behind format, mark, kind and key. */
const tokenOf = ({ value }: Received) => value.toString().slice(value.lastIndexOf(':') + 1);

describe('a bump', () => {
  test('of several models, with all they touch, is one write', async () => {
    const { server, site } = await connected();
    site.sweeper.register(Comment, { touches: () => [{ type: 'Article', id: 9 }] });
    await site.sweeper.invalidateCacheFor([new Comment(1), new Comment(2), new Article(3), 'Author']);
    expect(server.packets).toEqual([7]);
    const sets = server.take(SET);
    expect(sets.map(({ key }) => key).sort()).toEqual(
      ['Article:*', 'Article:=3', 'Article:=9', 'Author', 'Comment:*', 'Comment:=1', 'Comment:=2'].map(
        (name) => `t::1:${name}`,
      ),
    );
    expect(sets.every((set) => isToken(tokenOf(set)))).toBe(true);
    // For as long as the server has room.
    expect(sets.every(({ extras }) => extras.readUInt32BE(4) === 0)).toBe(true);
  });

  test('of everything is one token', async () => {
    const { server, site } = await connected();
    await site.sweeper.invalidateAll();
    expect(server.take(SET).map(({ key }) => key)).toEqual(['t::1:*']);
  });

  test('is acknowledged when the server has acknowledged every token, and not before', async () => {
    const { server, site } = await connected();
    const held: (() => void)[] = [];
    server.behaviour = (socket, exchanges) => {
      honest(socket, exchanges.slice(0, -1));
      held.push(() => honest(socket, exchanges.slice(-1)));
    };
    let isAcknowledged = false;
    const bump = site.sweeper.invalidateCacheFor(new Comment(1)).then(() => {
      isAcknowledged = true;
    });
    await expect.poll(() => held.length).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 30));
    expect(isAcknowledged).toBe(false);
    held[0]!();
    await bump;
  });

  test('that is refused for some names fails for those, and is tried again with other tokens until it is acknowledged', async () => {
    const { server, site } = await connected();
    server.behaviour = refusing((key) => key.endsWith('Comment:=2'));
    const bump = site.sweeper.invalidateCacheFor([new Comment(1), new Comment(2), new Article(3)]);
    const error = await failureOf(bump);
    expect(error).toMatchObject({ code: 'CACHESWEEPER_BUMP_FAILED' });
    expect(error.message).toMatch(/^Comment:=2: not acknowledged by the store/);
    const times: number[] = [];
    server.behaviour = (socket, exchanges) => {
      times.push(performance.now());
      refusing(() => times.length < 5)(socket, exchanges);
    };
    await site.sweeper.idle();
    expect(times).toHaveLength(5);
    const retried = server.take(SET).slice(5);
    expect(new Set(retried.map(({ key }) => key))).toEqual(new Set(['t::1:Comment:=2']));
    expect(new Set(retried.map(tokenOf)).size).toBe(5);
    expect(server.values.get('t::1:Comment:=2')?.value).toEqual(retried.at(-1)?.value);
    // 100, 200, 400 and 800 ms, at least half of that each; a slow machine only makes them longer.
    const gaps = times.slice(1).map((time, i) => (time - times[i]!) / (100 * 2 ** i));
    for (const gap of gaps) expect(gap).toBeGreaterThan(0.45);
  });

  test('waits for the connection, and does not fail because of the time that making it takes', async () => {
    const server = await ScriptedServer.start();
    server.behaviour = (socket, exchanges) => {
      server.behaviour = honest;
      setTimeout(() => honest(socket, exchanges), 300);
    };
    await siteOf(server.address).sweeper.invalidateCacheFor(new Comment(1));
    expect(server.take(SET)).toHaveLength(2);
  });

  test('of everything that is lost makes everything unknown here, until it is delivered', async () => {
    const { server, site } = await connected();
    const comment = new Comment(1, 'before');
    await site.page({ comment });
    server.behaviour = refusing(() => true);
    comment.text = 'after';
    expect(await failureOf(site.sweeper.invalidateAll())).toMatchObject({
      message: expect.stringMatching(/^\*: not acknowledged/),
    });
    expect(await site.sweeper.render(site.env, 'page.njk', { comment })).toBe('after');
    expect(site.outcomes).toEqual(['unknown token']);
    server.behaviour = honest;
    await site.sweeper.idle();
    expect(await site.page({ comment })).toBe('after');
    expect(site.outcomes).toEqual(['miss']);
  });
});

describe('close()', () => {
  test('reports what was not delivered, by name', async () => {
    const site = siteOf(`127.0.0.1:${await freePort()}`);
    await failureOf(site.sweeper.invalidateCacheFor([new Comment(7), new Article(1)]));
    await site.sweeper.close();
    const undelivered = site.errors.at(-1) as Error & { code: string };
    expect(undelivered.code).toBe('CACHESWEEPER_BUMP_FAILED');
    expect(undelivered.message).toBe(
      'Comment:=7, Comment:*, Article:=1, Article:*: closed before they could be delivered',
    );
  });

  test('lets a bump that is under way know', async () => {
    const { server, site } = await connected();
    server.behaviour = () => {};
    const bump = failureOf(site.sweeper.invalidateCacheFor(new Comment(7)));
    await site.sweeper.close();
    expect(await bump).toMatchObject({
      code: 'CACHESWEEPER_BUMP_FAILED',
      message: expect.stringMatching(/^Comment:=7, Comment:\*: not acknowledged/),
    });
  });
});

describe('using', () => {
  class Post {
    readonly id = 5;
    updatedAt = 1;
  }

  test('is recorded in the own token, after the other names were acknowledged', async () => {
    const { server, site } = await connected();
    const before = Date.now();
    await site.sweeper.invalidateCacheFor(new Post(), { using: 'updatedAt' });
    const sets = server.take(SET);
    expect(sets.map(({ key }) => key)).toEqual(['t::1:Post:*', 't::1:Post:=5']);
    const [list, own] = sets.map(tokenOf) as [string, string];
    expect(tokenRecord(list)).toBeUndefined();
    expect(tokenRecord(own)).toMatch(/^[\w-]{11}$/);
    expect(tokenTime(own)).toBeGreaterThanOrEqual(before);
  });

  test('bumps only when the attribute is another than the one recorded, whichever process recorded it', async () => {
    const { server, site } = await connected();
    const other = siteOf(server.address);
    const post = new Post();
    await site.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    server.requests.length = 0;
    await other.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect(server.take(SET)).toEqual([]);
    post.updatedAt++;
    await other.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect(server.take(SET)).toHaveLength(2);
    // Without it, in any case.
    await site.sweeper.invalidateCacheFor(post);
    expect(server.take(SET)).toHaveLength(2);
  });

  test('bumps when what was recorded cannot be read', async () => {
    const { server, site } = await connected();
    const post = new Post();
    await site.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    server.behaviour = (socket, exchanges) =>
      honest(
        socket,
        exchanges.map(({ request, answer }) => ({
          request,
          answer: request.opcode === 0x0c ? frame(request, { status: 0x85 }) : answer,
        })),
      );
    server.requests.length = 0;
    await site.sweeper.invalidateCacheFor(post, { using: 'updatedAt' });
    expect(server.take(SET)).toHaveLength(2);
  });
});
