import { setImmediate as later } from 'node:timers/promises';
import { lazy } from 'nunjucks-cachesweeper';

export const templates = new URL('templates', import.meta.url).pathname;

export class Article {
  readonly id: number;
  title: string;
  constructor(id: number, title: string) {
    this.id = id;
    this.title = title;
  }
}

export class Comment {
  readonly id: number;
  readonly articleId: number;
  text: string;
  constructor(id: number, articleId: number, text: string) {
    this.id = id;
    this.articleId = articleId;
    this.text = text;
  }
}

/** The data of the sites in these tests: as many articles as are asked for, three comments each. */
export class Blog {
  /** Articles whose comments were loaded, in that order. */
  readonly loaded: number[] = [];
  readonly #articles = new Map<number, Article>();
  readonly #comments = new Map<number, Comment[]>();

  async article(id: unknown): Promise<Article> {
    await later();
    return this.known(Number(id)).article;
  }

  async comments(article: Article): Promise<Comment[]> {
    this.loaded.push(article.id);
    await later();
    return this.known(article.id).comments;
  }

  /** Fails, as a database does that is away. */
  async fail(): Promise<never> {
    await later();
    throw new Error('the database is away');
  }

  known(id: number): { article: Article; comments: Comment[] } {
    const article = this.#articles.get(id) ?? new Article(id, `Article ${id}`);
    const comments =
      this.#comments.get(id) ?? [1, 2, 3].map((n) => new Comment(id * 10 + n, id, `Comment ${n} on ${id}`));
    this.#articles.set(id, article);
    this.#comments.set(id, comments);
    return { article, comments };
  }

  /** What a handler hands to `article.njk`, all at hand but the comments. */
  page(id: number): { article: Article; comments: () => Comment[]; visitor: string } {
    const { article } = this.known(id);
    return { article, comments: lazy(() => this.comments(article)), visitor: 'Ann' };
  }

  /** The html of `article.njk`, apart from space. */
  html(id: number, visitor = 'Ann'): string {
    const { article, comments } = this.known(id);
    const paragraphs = comments.map(({ text }) => `<p>${text}</p>`).join('');
    return `<title>${visitor}</title><h1>${article.title}</h1>${paragraphs}`;
  }
}

/** Html apart from the space between tags. */
export function squeezed(html: string): string {
  return html.replace(/\s*\n\s*/g, '');
}
