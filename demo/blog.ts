import type { EntityManager } from 'typeorm';
import type { Database } from './database.ts';
import { Article, Author, Comment, Vote, type VoteKind } from './models.ts';

/** A line of the sidebar. */
export interface Discussed {
  readonly id: number;
  readonly title: string;
  readonly topic: string;
  readonly comments: number;
}

/** All that the pages read and write; the only place that knows the tables. */
export class Blog {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Articles with their authors, newest first. */
  articles(): Promise<Article[]> {
    return this.#database.read((manager) =>
      manager.find(Article, { relations: { author: true }, order: { publishedAt: 'DESC' } }),
    );
  }

  async article(id: number): Promise<Article | undefined> {
    // Not findOne: with a relation to load it would run two queries, because of its LIMIT.
    const found = await this.#database.read((manager) =>
      manager.find(Article, { where: { id }, relations: { author: true } }),
    );
    return found[0];
  }

  /** One article's comments with their authors, oldest first. */
  comments(articleId: number): Promise<Comment[]> {
    return this.#database.read((manager) =>
      manager.find(Comment, {
        where: { articleId },
        relations: { author: true },
        order: { createdAt: 'ASC', id: 'ASC' },
      }),
    );
  }

  /** How many comments each article has, by the article's id. */
  async commentCounts(): Promise<Record<number, number>> {
    const rows = await this.#database.read((manager) =>
      manager
        .createQueryBuilder(Comment, 'comment')
        .select('comment.articleId', 'id')
        .addSelect('COUNT(*)', 'comments')
        .groupBy('comment.articleId')
        .getRawMany<{ id: number; comments: number }>(),
    );
    return Object.fromEntries(rows.map(({ id, comments }) => [id, comments]));
  }

  /** The articles with the most comments. */
  mostDiscussed(limit: number): Promise<Discussed[]> {
    return this.#database.read((manager) =>
      manager
        .createQueryBuilder(Comment, 'comment')
        .innerJoin(Article, 'article', 'article.id = comment.articleId')
        .select('article.id', 'id')
        .addSelect('article.title', 'title')
        .addSelect('article.topic', 'topic')
        .addSelect('COUNT(*)', 'comments')
        .groupBy('article.id')
        .orderBy('comments', 'DESC')
        .addOrderBy('article.publishedAt', 'DESC')
        .limit(limit)
        .getRawMany<Discussed>(),
    );
  }

  /** Adds a comment; undefined if there is no such article. */
  addComment(articleId: number, name: string, text: string): Promise<Comment | undefined> {
    return this.#database.write(async (manager) => {
      if (!(await manager.existsBy(Article, { id: articleId }))) return undefined;
      const author = await authorNamed(manager, name);
      return manager.save(
        manager.create(Comment, { articleId, author, text, likes: 0, dislikes: 0, createdAt: new Date() }),
      );
    });
  }

  /** Counts one vote and returns its comment; undefined if there is no such comment. */
  vote(commentId: number, kind: VoteKind): Promise<Comment | undefined> {
    return this.#database.write(async (manager) => {
      const comment = await manager.findOneBy(Comment, { id: commentId });
      if (comment === null) return undefined;
      if (kind === 'like') comment.likes += 1;
      else comment.dislikes += 1;
      await manager.save(manager.create(Vote, { commentId, kind, createdAt: new Date() }));
      return manager.save(comment);
    });
  }
}

async function authorNamed(manager: EntityManager, name: string): Promise<Author> {
  const known = await manager.findOneBy(Author, { name });
  return known ?? manager.save(manager.create(Author, { name, bio: null }));
}
