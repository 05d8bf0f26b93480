import type Driver from 'libsql';
import type { CacheSweeper } from 'nunjucks-cachesweeper';

/** Adds a comment to an article, and counts it there. */
export async function addComment(
  db: Driver.Database,
  sweeper: CacheSweeper,
  articleId: number,
  text: string,
): Promise<void> {
  // docs: Raw SQL
  await sweeper.transaction(async (t) => {
    db.exec('BEGIN');
    try {
      const { lastInsertRowid: id } = db
        .prepare('INSERT INTO comments (articleId, text) VALUES (?, ?)')
        .run(articleId, text);
      db.prepare('UPDATE articles SET comments = comments + 1 WHERE id = ?').run(articleId);
      t.invalidateCacheFor([
        { type: 'Comment', id },
        { type: 'Article', id: articleId },
      ]);
      db.exec('COMMIT');
    } catch (error) {
      db.exec('ROLLBACK');
      throw error;
    }
  });
  // docs end
}
