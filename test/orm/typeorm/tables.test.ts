import type { EntityMetadata } from 'typeorm';
import { describe, expect, test } from 'vitest';
import { Tables } from '../../../src/orm/typeorm-tables.ts';

const metadata = (tableName: string, schema?: string) =>
  ({ tableName, tablePath: schema === undefined ? tableName : `${schema}.${tableName}` }) as EntityMetadata;

const tables = new Tables([
  metadata('comment'),
  metadata('article'),
  metadata('note', 'tenant_a'),
  metadata('note', 'tenant_b'),
]);

const says: Record<string, string> = { onDelete: ' deleted', onUpdate: ' updated', undefined: '' };

const written = (sql: string) =>
  tables.writtenBy(sql).map(({ metadata: { tablePath }, action }) => `${tablePath}${says[String(action)]}`);

describe('the tables that a statement writes', () => {
  test.each<[string, readonly string[]]>([
    ['INSERT INTO "comment"("id") VALUES (?)', ['comment']],
    ['INSERT INTO "comment"("id") VALUES (?) ON CONFLICT ("id") DO UPDATE SET "text" = ?', ['comment updated']],
    ['INSERT INTO "comment"("id") VALUES (?) ON CONFLICT DO NOTHING', ['comment']],
    ['INSERT IGNORE INTO `comment`(`id`) VALUES (?) ON DUPLICATE KEY UPDATE `text` = ?', ['comment updated']],
    ['INSERT OR IGNORE INTO comment(id) VALUES (?)', ['comment']],
    ['REPLACE INTO `comment` VALUES (?)', ['comment']],
    ['UPSERT INTO "comment" VALUES (?)', ['comment updated']],
    ['MERGE INTO "comment" USING (SELECT 1) ON 1 WHEN MATCHED THEN UPDATE SET "text" = 1', ['comment updated']],
    ['UPDATE "comment" SET "text" = ? WHERE "articleId" IN (SELECT "id" FROM "article")', ['comment updated']],
    ['UPDATE ONLY comment SET text = ?', ['comment updated']],
    ['/* why */ UPDATE [dbo].[comment] SET text = ?', ['comment updated']],
    ['DELETE FROM "comment" WHERE "id" = ?', ['comment deleted']],
    ['TRUNCATE TABLE "comment"', ['comment deleted']],
    ['DECLARE @OutputTable TABLE (id INT);\n\nINSERT INTO "comment"(text) OUTPUT INSERTED.id VALUES (@0)', ['comment']],
    [
      'WITH old AS (SELECT id FROM article) DELETE FROM "comment" WHERE id IN (SELECT id FROM old)',
      ['comment deleted'],
    ],
    ['WITH gone AS (DELETE FROM "article" RETURNING id) SELECT * FROM gone', ['article deleted']],
    ['update "Comment" set text = ?', ['comment updated']],
    ['UPDATE "tenant_b"."note" SET text = ?', ['tenant_b.note updated']],
    ['UPDATE "note" SET text = ?', ['tenant_a.note updated', 'tenant_b.note updated']],
    ['UPDATE "shop"."article" SET text = ?', ['article updated']],
    ['SELECT * FROM "comment" FOR UPDATE', []],
    ['/* update comment */ SELECT * FROM "comment"', []],
    ['UPDATE "typeorm_metadata" SET value = ?', []],
    ['PRAGMA foreign_keys = OFF', []],
  ])('%s', (sql, expected) => {
    expect(written(sql)).toEqual(expected);
  });
});
