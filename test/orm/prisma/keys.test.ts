import { describe, expect, test } from 'vitest';
import { keysOfSchema } from '../../../src/orm/prisma-keys.ts';

const keyOf = (...lines: string[]) => keysOfSchema(`model Row {\n  ${lines.join('\n  ')}\n}`).get('Row');

describe('the key of a model, as the text of its schema tells it', () => {
  test.each<[string, readonly string[] | undefined, readonly string[]]>([
    ['a field', ['slug'], ['slug String @id @map("s")', 'text String']],
    ['with arguments', ['slug'], ['slug String @id(sort: Desc)']],
    ['several fields', ['tenantId', 'id'], ['tenantId Int', 'id Int', '@@id([tenantId, id])']],
    ['behind a name', ['tenantId', 'id'], ['tenantId Int', 'id Int', '@@id(name: "place", fields: [tenantId, id])']],
    ['with arguments of each', ['a', 'b'], ['a Int', 'b String', '@@id([a, b(length: 100, sort: Desc)], map: "key")']],
    ['an id that is unique beside another key', ['id'], ['uuid String @id', 'id Int @unique']],
    [
      'an id that is unique among some rows only',
      ['uuid'],
      ['uuid String @id', 'id Int', '@@unique([id], where: raw("live"))'],
    ],
    ['the same at the field', ['uuid'], ['uuid String @id', 'id Int @unique(where: raw("live"))']],
    ['what is unique and never empty', ['day', 'place'], ['id Int?', 'day Int', 'place Int', '@@unique([day, place])']],
    ['none', undefined, ['day Int', 'place Int?', '@@unique([day, place])', '@@index([day])']],
    ['comments and texts', ['id'], ['id Int @id // @@id([text])', '/// text @id', 'text String @default("@id")']],
  ])('%s', (_title, key, lines) => {
    expect(keyOf(...lines)).toEqual(key);
  });
});
