import { type SaveHookOptions, sweepOnSave } from 'nunjucks-cachesweeper/prisma';
import { afterEach, describe, expect, test } from 'vitest';
import { fragment, Site } from '../../sweeper/site.ts';
import { metTests } from '../met.ts';
import type { PrismaClient } from './generate.ts';

type Methods = PrismaClient['tag'];
type Client = PrismaClient & Record<'session' | 'line' | 'code' | 'log', Methods>;

/** Saves that need other models than the blog's. */
export function heardSuite(title: string, open: () => Promise<PrismaClient>): void {
  describe(`${title}, other models`, () => suite(open));
}

function suite(open: () => Promise<PrismaClient>): void {
  let site: Site;
  const clients: PrismaClient[] = [];
  const errors: unknown[] = [];
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.$disconnect();
    expect(errors.splice(0)).toEqual([]);
  });

  const connect = async () => {
    const base = await open();
    clients.push(base);
    for (const sql of [
      'DROP TABLE IF EXISTS "Log"',
      'DROP TABLE IF EXISTS "Session"',
      'DROP TABLE IF EXISTS "Line"',
      'DROP TABLE IF EXISTS "Code"',
      'CREATE TABLE "Session" (sid TEXT PRIMARY KEY, data TEXT NOT NULL)',
      'CREATE TABLE "Line" ("tenantId" INTEGER NOT NULL, id INTEGER NOT NULL, text TEXT NOT NULL, PRIMARY KEY ("tenantId", id))',
      'CREATE TABLE "Code" (other TEXT UNIQUE, code TEXT UNIQUE NOT NULL, text TEXT NOT NULL)',
      `CREATE TABLE "Log" (day INTEGER NOT NULL, place INTEGER NOT NULL, text TEXT NOT NULL DEFAULT '',
        "sessionId" TEXT REFERENCES "Session" (sid), UNIQUE (day, place))`,
      `INSERT INTO "Session" (sid, data) VALUES ('x', 'a'), ('y', 'a')`,
      `INSERT INTO "Line" ("tenantId", id, text) VALUES (1, 1, 'of 1'), (2, 1, 'of 2')`,
      `INSERT INTO "Code" (code, text) VALUES ('c', 'a'), ('d', 'a')`,
      `INSERT INTO "Log" (day, place) VALUES (1, 1), (1, 2)`,
    ]) {
      await base.$executeRawUnsafe(sql);
    }
    return base;
  };
  const all = ['session', 'line', 'code', 'log', '"Session"', '"Line"', '"Code"', '"Log"', '"Tag"'];
  const start = async (hook: SaveHookOptions = {}) => {
    site = new Site(all.map((tag) => fragment(`${tag} 0`, `'${tag}'`)).join(''), {
      onError: (error) => errors.push(error),
    });
    const prisma = sweepOnSave(await connect(), site.sweeper, hook) as Client;
    const first = async (methods: Methods, where: object) => (await methods.findMany({ where }))[0];
    const context = {
      session: await first(prisma.session, { sid: 'x' }),
      line: await first(prisma.line, { tenantId: 1 }),
      code: await first(prisma.code, { code: 'c' }),
      log: await first(prisma.log, { place: 1 }),
    };
    const ranAfter = async (write: () => Promise<unknown>) => {
      site.settle();
      await site.render(context);
      expect((await site.render(context)).ran).toEqual([]);
      await write();
      return (await site.render(context)).ran;
    };
    return { prisma, ranAfter, context };
  };

  metTests(async (of, hook) => {
    const prisma = (await connect()) as Client;
    const text = (row: object) => Object.assign(row, { text: (row as { data: string }).data });
    await prisma.session.updateMany({ where: { sid: 'y' }, data: { data: 'b' } });
    sweepOnSave(prisma, of.sweeper, hook);
    return {
      name: 'Session',
      load: async () => (await prisma.session.findMany({ orderBy: { sid: 'asc' } })).map(text),
      save: (index, data) => prisma.session.update({ where: { sid: index === 0 ? 'x' : 'y' }, data: { data } }),
    };
  });

  test('a key by another name is the key: nothing but that row and the lists of its type', async () => {
    const { prisma, ranAfter, context } = await start();
    expect(context.session).toEqual({ sid: 'x', data: 'a' });
    const data = { data: 'b' };
    expect(await ranAfter(() => prisma.session.update({ where: { sid: 'x' }, data }))).toEqual([
      'session',
      '"Session"',
    ]);
    expect(await ranAfter(() => prisma.session.update({ where: { sid: 'y' }, data }))).toEqual(['"Session"']);
    expect(await ranAfter(() => prisma.session.create({ data: { sid: 'z', ...data } }))).toEqual(['"Session"']);
    const upsert = { where: { sid: 'x' }, update: data, create: { sid: 'x', ...data } };
    expect(await ranAfter(() => prisma.session.upsert(upsert))).toEqual(['session', '"Session"']);
    const select = { data: true };
    expect(await ranAfter(() => prisma.session.update({ where: { sid: 'y' }, data, select }))).toEqual(['"Session"']);
    expect(await ranAfter(() => prisma.session.delete({ where: { sid: 'y' } }))).toEqual(['log', '"Session"', '"Log"']);
  });

  test('a key of two fields is both of them, also where one is called id', async () => {
    const { prisma, ranAfter } = await start();
    const data = { text: 'new' };
    const update = (tenantId: number, more: object = {}) =>
      ranAfter(() => prisma.line.update({ where: { place: { tenantId, id: 1 } }, data, ...more }));
    expect(await update(1)).toEqual(['line', '"Line"']);
    expect(await update(2)).toEqual(['"Line"']);
    expect(await update(1, { select: { text: true } })).toEqual(['line', '"Line"']);
    expect(await update(2, { select: { text: true } })).toEqual(['"Line"']);
    const rows = await prisma.line.findMany();
    const shown = new Site(
      '{% for line in rows %}{% cachesweeper line 0 %}{{ line.tenantId }}{% endcachesweeper %}{% endfor %}',
    );
    expect((await shown.render({ rows })).html).toBe('12');
    expect(await ranAfter(() => site.sweeper.invalidateCacheFor({ type: 'Line', id: [1, 1] }))).toEqual([
      'line',
      '"Line"',
    ]);
  });

  test('a key that a write changes: the row under the old one and the new one, or the type', async () => {
    const { prisma, ranAfter } = await start();
    const change = (sid: string, more: object = {}) =>
      ranAfter(() => prisma.session.update({ where: { sid }, data: { sid: `${sid}!` }, ...more }));
    // The logs of a session follow its key.
    expect(await change('y')).toEqual(['log', '"Session"', '"Log"']);
    expect(await change('x')).toEqual(['session', 'log', '"Session"', '"Log"']);
    expect(await change('x!', { select: { data: true } })).toEqual(['session', 'log', '"Session"', '"Log"']);
  });

  test("bulk: 'rows' finds rows by such keys, and not by one that the write changes", async () => {
    const { prisma, ranAfter } = await start({ bulk: 'rows' });
    const many = (tenantId: number, data: object) =>
      ranAfter(() => prisma.line.updateMany({ where: { tenantId }, data }));
    expect(await many(2, { text: 'new' })).toEqual(['"Line"']);
    expect(await many(1, { text: 'new' })).toEqual(['line', '"Line"']);
    expect(await many(2, { id: 5 })).toEqual(['line', '"Line"']);
  });

  test('without a primary key what is unique and never empty is the key', async () => {
    const { prisma, ranAfter } = await start();
    const data = { text: 'new' };
    expect(await ranAfter(() => prisma.code.update({ where: { code: 'd' }, data }))).toEqual(['"Code"']);
    expect(await ranAfter(() => prisma.code.update({ where: { code: 'c' }, data }))).toEqual(['code', '"Code"']);
    const log = (place: number) => () => prisma.log.update({ where: { day_place: { day: 1, place } }, data });
    expect(await ranAfter(log(1))).toEqual(['log', '"Log"']);
    expect(await ranAfter(log(2))).toEqual(['"Log"']);
  });

  test('what else a condition names is not the key', async () => {
    const { prisma, ranAfter } = await start();
    const update = (where: object) =>
      ranAfter(() => prisma.line.update({ where, data: { text: 'new' }, select: { text: true } }));
    const place = { tenantId: 1, id: 1 };
    expect(await update({ place, NOT: { tenantId: 2, id: 1 } })).toEqual(['line', '"Line"']);
    expect(await update({ NOT: { tenantId: 2, id: 1 }, place })).toEqual(['line', '"Line"']);
    const data = { data: 'new' };
    const session = { where: { sid: 'x', NOT: { sid: 'y' } }, data, select: { data: true } };
    expect(await ranAfter(() => prisma.session.update(session))).toEqual(['session', '"Session"']);
  });

  test('a row that is connected by such a key is that row', async () => {
    const { prisma, ranAfter } = await start();
    const connect = (sid: string) =>
      ranAfter(() => prisma.log.create({ data: { day: 2, place: sid.charCodeAt(0), session: { connect: { sid } } } }));
    expect(await connect('x')).toEqual(['session', '"Session"', '"Log"']);
    expect(await connect('y')).toEqual(['"Session"', '"Log"']);
  });

  test('clients of two databases: refused, or told apart by `tenant`', async () => {
    const { prisma, ranAfter, context } = await start({ tenant: 'a' });
    const other = await connect();
    expect(() => sweepOnSave(other, site.sweeper)).toThrow(
      expect.objectContaining({ code: 'CACHESWEEPER_TYPE_CONFLICT' }),
    );
    const second = sweepOnSave(other, site.sweeper, { tenant: 'b' }) as Client;
    const [session] = await second.session.findMany({ where: { sid: 'x' } });
    expect(session).toEqual(context.session);
    const shown = new Site('{% cachesweeper session 0 %}{{ session.data }}{% endcachesweeper %}', {});
    await second.session.update({ where: { sid: 'x' }, data: { data: 'of b' } });
    const load = async (client: Client) => ({ session: (await client.session.findMany({ where: { sid: 'x' } }))[0] });
    expect((await shown.render(await load(prisma))).html).toBe('a');
    expect((await shown.render(await load(second))).html).toBe('of b');
    const data = { data: 'new' };
    expect(await ranAfter(() => second.session.update({ where: { sid: 'y' }, data }))).toEqual(['"Session"']);
    expect(await ranAfter(() => prisma.session.update({ where: { sid: 'x' }, data }))).toEqual([
      'session',
      '"Session"',
    ]);
  });

  test('a clone does not tell its client, so it is refused where clients have tenants', async () => {
    const { context } = await start({ tenant: 'a' });
    const clone = new Site('{% cachesweeper session 0 type="Session" %}{{ session.data }}{% endcachesweeper %}');
    sweepOnSave(await connect(), clone.sweeper, { tenant: 'b' });
    expect((await clone.render(context)).html).toBe('a');
    await expect(clone.render({ session: { ...context.session } })).rejects.toThrow(/does not tell its tenant/);
    clone.sweeper.register('Session', { tenant: () => null });
    expect((await clone.render({ session: { ...context.session } })).html).toBe('a');
  });

  test('a tenant by a field', async () => {
    const { prisma, ranAfter } = await start({ models: { Line: { id: 'id', tenant: 'tenantId' } } });
    const other = { where: { place: { tenantId: 2, id: 1 } }, data: { id: 2 } };
    expect(await ranAfter(() => prisma.line.update(other))).toContain('"Line"');
    const own = { where: { place: { tenantId: 1, id: 1 } }, data: { text: 'new' } };
    expect(await ranAfter(() => prisma.line.update(own))).toEqual(['line', '"Line"']);
  });
}
