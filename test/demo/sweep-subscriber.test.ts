import Driver from 'libsql';
import { DataSource } from 'typeorm';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Author, Comment, entities } from '../../demo/models.ts';
import { SweepSubscriber } from '../../demo/sweep-subscriber.ts';

describe('SweepSubscriber', () => {
  let source: DataSource;
  /** One list of names for each bump that has finished. */
  let bumps: string[][];

  beforeEach(async () => {
    bumps = [];
    source = new DataSource({
      type: 'better-sqlite3',
      driver: Driver,
      database: ':memory:',
      entities,
      synchronize: true,
    });
    await source.initialize();
    await source.manager.insert(Author, { id: 1, name: 'Ann', bio: null });
    await source.manager.insert(Comment, [1, 2, 3].map(comment));
    source.subscribers.push(
      new SweepSubscriber({
        async invalidateCacheFor(models) {
          const names = models.map((model) =>
            typeof model === 'function' ? model.name : `${model.constructor.name} ${(model as { id: number }).id}`,
          );
          await new Promise(setImmediate); // a bump takes its time
          bumps.push([...new Set(names)]);
        },
      }),
    );
  });
  afterEach(() => source.destroy());

  const comment = (id: number) => {
    return { id, text: 'text', likes: 0, dislikes: 0, createdAt: new Date(0), articleId: 4, authorId: 1 };
  };
  const load = (id: number) => source.manager.findOneByOrFail(Comment, { id });

  it('has bumped when save() resolves', async () => {
    const saved = await load(1);
    saved.likes = 1;
    await source.manager.save(saved);
    expect(bumps).toEqual([['Comment 1']]);
  });

  it('bumps nothing when nothing has changed', async () => {
    await source.manager.save(await load(1));
    expect(bumps).toEqual([]);
  });

  it('bumps a new row by the id it was given', async () => {
    await source.manager.save(source.manager.create(Comment, { ...comment(0), id: undefined as never }));
    expect(bumps).toEqual([['Comment 4']]);
  });

  it('bumps a removed row by the id it had', async () => {
    await source.manager.remove(await load(2));
    expect(bumps).toEqual([['Comment 2']]);
  });

  it('bumps at once outside a transaction', async () => {
    const saved = await load(3);
    saved.likes = 1;
    await source.manager.save(saved, { transaction: false });
    expect(bumps).toEqual([['Comment 3']]);
  });

  it('bumps a whole transaction together, when it is committed', async () => {
    await source.transaction(async (manager) => {
      for (const id of [1, 2]) await manager.save(Object.assign(await load(id), { likes: 5 }));
      expect(bumps).toEqual([]);
    });
    expect(bumps).toEqual([['Comment 1', 'Comment 2']]);
  });

  it('waits for the outermost commit', async () => {
    await source.transaction(async (outer) => {
      await outer.transaction(async (inner) => {
        await inner.save(Object.assign(await load(1), { likes: 5 }));
      });
      expect(bumps).toEqual([]);
    });
    expect(bumps).toEqual([['Comment 1']]);
  });

  it('bumps nothing after a rollback, neither then nor with the next transaction', async () => {
    const failing = source.transaction(async (manager) => {
      await manager.save(Object.assign(await load(1), { likes: 5 }));
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    await source.manager.save(Object.assign(await load(2), { likes: 5 }));
    expect(bumps).toEqual([['Comment 2']]);
  });

  it('bumps what the outer transaction has saved although an inner one was rolled back', async () => {
    await source.transaction(async (outer) => {
      await outer.save(Object.assign(await load(1), { likes: 5 }));
      const failing = outer.transaction(async (inner) => {
        await inner.save(Object.assign(await load(2), { likes: 5 }));
        throw new Error('no');
      });
      await expect(failing).rejects.toThrow('no');
    });
    expect(bumps).toHaveLength(1);
    expect(bumps[0]).toContain('Comment 1');
  });

  it('bumps the class after a write whose ids nobody knows', async () => {
    await source.manager.update(Comment, { articleId: 4 }, { likes: 9 });
    expect(bumps).toEqual([['Comment']]);
    await source.manager.delete(Comment, { articleId: 4 });
    expect(bumps).toEqual([['Comment'], ['Comment']]);
  });
});
