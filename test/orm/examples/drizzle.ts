import { eq, sql } from 'drizzle-orm';
import { integer, sqliteTable, text as textColumn } from 'drizzle-orm/sqlite-core';
import type { SqliteRemoteDatabase } from 'drizzle-orm/sqlite-proxy';
import type { CacheSweeper } from 'nunjucks-cachesweeper';

const articles = sqliteTable('articles', { id: integer().primaryKey(), comments: integer().notNull() });
const comments = sqliteTable('comments', {
  id: integer().primaryKey(),
  articleId: integer().notNull(),
  text: textColumn().notNull(),
});

export async function addComment(
  db: SqliteRemoteDatabase,
  sweeper: CacheSweeper,
  articleId: number,
  text: string,
): Promise<void> {
  // docs: Drizzle
  await sweeper.transaction((t) =>
    db.transaction(async (tx) => {
      const [comment] = await tx.insert(comments).values({ articleId, text }).returning();
      await tx.update(articles).set({ comments: sql`comments + 1` }).where(eq(articles.id, articleId));
      t.invalidateCacheFor(comment, { type: 'Comment' });
      t.invalidateCacheFor({ type: 'Article', id: articleId });
    }),
  );
  // docs end
}
