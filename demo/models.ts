import { EntitySchema } from 'typeorm';

// Plain classes and EntitySchema instead of decorators: decorators do not survive type stripping, and the class name is
// all that the sweeper needs to know a model's type.

/** Somebody who writes articles or comments. */
export class Author {
  declare id: number;
  declare name: string;
  /** A line about them; null for those who only comment. */
  declare bio: string | null;

  get initials(): string {
    const words = this.name.split(/\s+/).filter((word) => word !== '');
    const letters = [words.at(0), words.length > 1 ? words.at(-1) : undefined].map(
      (word) => [...(word ?? '')][0] ?? '',
    );
    return letters.join('').toUpperCase();
  }
}

export class Article {
  declare id: number;
  declare title: string;
  declare topic: string;
  /** The sentence under the title. */
  declare standfirst: string;
  /** Paragraphs, separated by an empty line. */
  declare text: string;
  declare publishedAt: Date;
  declare authorId: number;
  declare author: Author;

  get paragraphs(): string[] {
    return this.text.split('\n\n');
  }
}

export class Comment {
  declare id: number;
  declare text: string;
  declare likes: number;
  declare dislikes: number;
  declare createdAt: Date;
  declare articleId: number;
  declare authorId: number;
  declare author: Author;
}

/** One press of a button. The comment carries the sums, so that showing it needs no counting. */
export class Vote {
  declare id: number;
  declare commentId: number;
  declare kind: VoteKind;
  declare createdAt: Date;
}

export type VoteKind = 'like' | 'dislike';

const id = { type: 'integer', primary: true, generated: 'increment' } as const;

const authors = new EntitySchema<Author>({
  name: 'Author',
  target: Author,
  columns: { id, name: { type: 'text', unique: true }, bio: { type: 'text', nullable: true } },
});

const articles = new EntitySchema<Article>({
  name: 'Article',
  target: Article,
  columns: {
    id,
    title: { type: 'text' },
    topic: { type: 'text' },
    standfirst: { type: 'text' },
    text: { type: 'text' },
    publishedAt: { type: 'datetime' },
    authorId: { type: 'integer' },
  },
  relations: { author: { type: 'many-to-one', target: 'Author', joinColumn: { name: 'authorId' }, nullable: false } },
});

const comments = new EntitySchema<Comment>({
  name: 'Comment',
  target: Comment,
  columns: {
    id,
    text: { type: 'text' },
    likes: { type: 'integer', default: 0 },
    dislikes: { type: 'integer', default: 0 },
    createdAt: { type: 'datetime' },
    articleId: { type: 'integer' },
    authorId: { type: 'integer' },
  },
  indices: [{ columns: ['articleId'] }],
  relations: { author: { type: 'many-to-one', target: 'Author', joinColumn: { name: 'authorId' }, nullable: false } },
});

const votes = new EntitySchema<Vote>({
  name: 'Vote',
  target: Vote,
  columns: { id, commentId: { type: 'integer' }, kind: { type: 'text' }, createdAt: { type: 'datetime' } },
});

export const entities = [authors, articles, comments, votes];
