import { describe, expect, test } from 'vitest';
import { followersOf } from '../../../src/orm/prisma-schema.ts';

const schema = `
model Article {
  id       Int       @id
  slug     String    @unique
  comments Comment[]
  likes    Like[] // @relation(fields: [no], references: [id], onDelete: Cascade)
  notes    Note[]
}

model Comment {
  id        Int     @id
  articleId Int
  article   Article @relation("on", fields: [articleId], references: [id], onDelete: Cascade, map: "comment_article")
  likes     Like[]
  // parent  Tag @relation(fields: [parentId], references: [id], onDelete: Cascade)
}

model Like {
  id        Int      @id
  commentId Int?
  comment   Comment? @relation(fields: [commentId], references: [id])
  slug      String?
  article   Article? @relation(fields: [slug], references: [slug], onDelete: NoAction, onUpdate: NoAction)
}

model Note {
  id        Int      @id
  articleId Int      @default(1)
  article   Article  @relation(
    fields: [articleId],
    references: [id],
    onDelete: SetDefault
  )
}

model Tag {
  id        Int      @id
  articleId Int
  article   Article  @relation(fields: [articleId], references: [id], onUpdate: Restrict)
}
`;

const dataModel = { models: {} };

describe('models whose rows the database changes along with others', () => {
  const followers = followersOf(dataModel, schema);

  test('a deleted row: Cascade, SetNull and SetDefault, and those that follow from them', () => {
    expect(followers.of('Article')).toEqual(['Comment', 'Like', 'Note']);
  });

  test('an optional relation that says nothing: SetNull', () => {
    expect(followers.of('Comment')).toEqual(['Like']);
  });

  test('Restrict and NoAction: none', () => {
    expect(followers.of('Tag')).toEqual([]);
    expect(followers.of('Note')).toEqual([]);
  });

  test('a changed key: what a relation says, and Cascade where it says nothing', () => {
    expect(followers.of('Article', 'id')).toEqual(['Comment', 'Like', 'Note']);
    expect(followers.of('Article', 'slug')).toEqual([]);
    expect(followers.of('Article', 'title')).toEqual([]);
  });

  test('models that refer to themselves or to each other end somewhere', () => {
    const circle = followersOf(
      dataModel,
      `model A {
  id Int @id
  a  A?  @relation("up", fields: [aId], references: [id], onDelete: Cascade)
  b  B   @relation(fields: [bId], references: [id], onDelete: Cascade)
}
model B {
  id Int @id
  a  A   @relation("b", fields: [aId], references: [id], onDelete: Cascade)
}`,
    );
    expect(circle.of('A')).toEqual(['A', 'B']);
  });

  test('a client without its schema: each related model, rather than none', () => {
    const related = followersOf(
      {
        models: {
          Article: { fields: [{ name: 'comments', kind: 'object', type: 'Comment' }] },
          Comment: {
            fields: [
              { name: 'id', kind: 'scalar', type: 'Int' },
              { name: 'article', kind: 'object', type: 'Article' },
            ],
          },
          Tag: { fields: [] },
        },
      },
      undefined,
    );
    expect(related.of('Article')).toEqual(['Comment', 'Article']);
    expect(related.of('Tag')).toEqual([]);
  });
});
