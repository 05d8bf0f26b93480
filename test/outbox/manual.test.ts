import { TestingStore } from 'nunjucks-cachesweeper/testing';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Blog } from './blog.ts';

const UNACKNOWLEDGED = () => ({ outcome: 'unknown' as const });

let blog: Blog;
beforeEach(() => {
  blog = new Blog();
});
afterEach(() => blog.close());

/** A process whose bumps the store does not acknowledge, so that rows stay. It does not poll. */
async function cutOff() {
  const sweeper = blog.process(
    { knex: blog.knex, interval: '1h' },
    new TestingStore({ shared: blog.store, script: UNACKNOWLEDGED }),
  );
  await sweeper.outbox.createTable();
  return sweeper;
}

const names = () =>
  blog
    .rows()
    .map((row) => row.names)
    .sort();

test('writeOutbox takes a transaction of Knex', async () => {
  const { transaction } = await cutOff();
  await transaction((t) =>
    blog.knex.transaction(async (trx) => {
      await trx('comments').update({ text: 'new' });
      t.invalidateCacheFor({ type: 'Comment', id: 1 });
      await t.writeOutbox(trx);
    }),
  );
  expect(names()).toEqual(['Comment:=1 Comment:*']);
});

test('writeOutbox takes a function, and has called it when it returns: drivers without promises can be used', async () => {
  const { transaction } = await cutOff();
  await transaction((t) => {
    blog.database.exec('BEGIN');
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    void t.writeOutbox((sql) => blog.database.exec(sql));
    blog.database.exec('COMMIT');
  });
  expect(names()).toEqual(['Comment:=1 Comment:*']);
});

test('what was rolled back stands nowhere', async () => {
  const { transaction } = await cutOff();
  const failing = transaction((t) =>
    blog.knex.transaction(async (trx) => {
      t.invalidateCacheFor({ type: 'Comment', id: 1 });
      await t.writeOutbox(trx);
      throw new Error('no');
    }),
  );
  await expect(failing).rejects.toThrow('no');
  expect(names()).toEqual([]);
});

test('an error behind the commit, which looks like a rollback, loses nothing', async () => {
  const { transaction } = await cutOff();
  const failing = transaction(async (t) => {
    await blog.knex.transaction(async (trx) => {
      t.invalidateCacheFor({ type: 'Comment', id: 1 });
      await t.writeOutbox(trx);
    });
    throw new Error('of the mail server');
  });
  await expect(failing).rejects.toThrow('mail');
  expect(names()).toEqual(['Comment:=1 Comment:*']);
});

test('writing again writes only if there is something new', async () => {
  const { transaction } = await cutOff();
  await transaction((t) =>
    blog.knex.transaction(async (trx) => {
      await t.writeOutbox(trx);
      t.invalidateCacheFor({ type: 'Comment', id: 1 });
      await t.writeOutbox(trx);
      await t.writeOutbox(trx);
      t.invalidateCacheFor({ type: 'Comment', id: 2 });
      await t.writeOutbox(trx);
    }),
  );
  expect(names()).toEqual(['Comment:=1 Comment:*', 'Comment:=1 Comment:* Comment:=2']);
});

test('what a transaction is told of after it has written is reported, for the outbox has nothing of it', async () => {
  const { transaction } = await cutOff();
  blog.errors.length = 0;
  await transaction(async (t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    await t.writeOutbox((sql) => blog.database.exec(sql));
    t.invalidateCacheFor({ type: 'Comment', id: 2 });
  });
  expect(blog.errors).toContainEqual(
    expect.objectContaining({ code: 'CACHESWEEPER_OUTBOX', message: expect.stringMatching(/after writeOutbox/) }),
  );
});

test('rows of an inner transaction go with the outer one', async () => {
  const { transaction } = blog.process({ knex: blog.knex, interval: '1h' });
  await blog.process({ knex: blog.knex, interval: '1h' }).outbox.createTable();
  await transaction(async () => {
    await transaction((inner) =>
      blog.knex.transaction(async (trx) => {
        inner.invalidateCacheFor({ type: 'Comment', id: 1 });
        await inner.writeOutbox(trx);
      }),
    );
    expect(names()).toEqual(['Comment:=1 Comment:*']);
  });
  await blog.close();
  expect(names()).toEqual([]);
});

test('any name can be kept, and what is no text or too long becomes everything', async () => {
  const { transaction } = await cutOff();
  const told = async (models: readonly object[]) => {
    blog.database.exec('DELETE FROM cachesweeper_outbox');
    await transaction((t) => {
      t.invalidateCacheFor(models);
      return t.writeOutbox((sql) => blog.database.exec(sql));
    });
    return names();
  };
  const odd = `'"\\?$1:a % ü\n;--*/`;
  const [text] = await told([{ type: odd, id: odd }]);
  expect(text).toMatch(/^[\w:=*@%~.!()-]+ [\w:=*@%~.!()-]+$/);
  expect(await told([{ type: 'Comment', id: '\ud800' }])).toEqual(['*']);
  expect(
    await told(Array.from({ length: 900 }, (_, i) => ({ type: 'Comment', id: `${'long'.repeat(30)}${i}` }))),
  ).toEqual(['*']);
});

test('a transaction that was told of no model writes nothing', async () => {
  const { transaction } = await cutOff();
  await transaction((t) => {
    t.invalidateCacheFor([]);
    return t.writeOutbox((sql) => blog.database.exec(sql));
  });
  expect(names()).toEqual([]);
});

test('what writeOutbox cannot use is refused', async () => {
  const { transaction } = await cutOff();
  for (const wrong of [undefined, null, 'SELECT', {}]) {
    await expect(transaction((t) => t.writeOutbox(wrong as never))).rejects.toMatchObject({
      code: 'CACHESWEEPER_BAD_OPTION',
    });
  }
});

test('a row that could not be written is written by the next call', async () => {
  const { transaction } = await cutOff();
  await transaction(async (t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    await expect(t.writeOutbox(() => Promise.reject(new Error('busy')))).rejects.toThrow('busy');
    await t.writeOutbox((sql) => blog.database.exec(sql));
  });
  expect(names()).toEqual(['Comment:=1 Comment:*']);
});

test('an error of the database is the site’s own, so that it can try again', async () => {
  const { transaction } = await cutOff();
  const conflict = Object.assign(new Error('could not serialize access'), { code: '40001' });
  const failing = transaction((t) => {
    t.invalidateCacheFor({ type: 'Comment', id: 1 });
    return t.writeOutbox(() => Promise.reject(conflict));
  });
  await expect(failing).rejects.toBe(conflict);
});
