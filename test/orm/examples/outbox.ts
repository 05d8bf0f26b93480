import type Driver from 'libsql';
import type { CacheSweeper } from 'nunjucks-cachesweeper';

// docs: An outbox
/** In the transaction of the write: what must be invalidated, even if this process dies right after COMMIT. */
export function remember(db: Driver.Database, type: string, id: number | bigint): void {
  db.prepare('INSERT INTO outbox (type, id) VALUES (?, ?)').run(type, String(id));
}

/** After the commit, at every start and every few seconds, in any process. */
export async function drain(db: Driver.Database, sweeper: CacheSweeper): Promise<void> {
  const select = db.prepare('SELECT rowid AS place, type, id FROM outbox ORDER BY rowid LIMIT 1000');
  const rows = select.all() as { place: number; type: string; id: string }[];
  await sweeper.invalidateCacheFor(rows.map(({ type, id }) => ({ type, id }))); // if it rejects, they stay
  for (const { place } of rows) db.prepare('DELETE FROM outbox WHERE rowid = ?').run(place);
}
// docs end
