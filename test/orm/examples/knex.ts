import type { Knex } from 'knex';
import type { CacheSweeper } from 'nunjucks-cachesweeper';

export async function addComment(knex: Knex, sweeper: CacheSweeper, articleId: number, text: string): Promise<void> {
  // docs: Knex
  await sweeper.transaction((t) =>
    knex.transaction(async (trx) => {
      const [id] = await trx('comments').insert({ articleId, text });
      await trx('articles').where({ id: articleId }).increment('comments');
      t.invalidateCacheFor([
        { type: 'Comment', id },
        { type: 'Article', id: articleId },
      ]);
    }),
  );
  // docs end
}
