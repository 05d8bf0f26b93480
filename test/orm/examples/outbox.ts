import type { Knex } from 'knex';
import type { CacheSweeper } from 'nunjucks-cachesweeper';

export async function addComment(knex: Knex, sweeper: CacheSweeper, articleId: number, text: string): Promise<void> {
  // docs: An outbox
  await sweeper.transaction((t) =>
    knex.transaction(async (trx) => {
      const [id] = await trx('comments').insert({ articleId, text });
      t.invalidateCacheFor([
        { type: 'Comment', id },
        { type: 'Article', id: articleId },
      ]);
      await t.writeOutbox(trx); // the last statement
    }),
  );
  // docs end
}
