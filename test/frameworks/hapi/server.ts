import crumb from '@hapi/crumb';
import hapi from '@hapi/hapi';
import yar from '@hapi/yar';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/hapi';
import { nunjucksConfig, type Way } from './config/nunjucks.ts';

export class Article {
  readonly id: number;
  title: string;
  readonly published = new Date('2026-11-01');
  constructor(id: number) {
    this.id = id;
    this.title = `article ${id}`;
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

/** The data of the site. */
export class Database {
  readonly articles: readonly Article[] = [1, 2, 3].map((id) => new Article(id));
  readonly comments: Comment[] = [1, 2, 3].map((id) => new Comment(id * 10, id, `Comment on ${id}`));

  article(id: unknown): Article | undefined {
    return this.articles[Number(id) - 1];
  }

  commentsOn({ id }: Article): Comment[] {
    return this.comments.filter(({ articleId }) => articleId === id);
  }
}

export interface SiteOptions {
  readonly database: Database;
  readonly way: Way;
  readonly isCached: boolean;
  /** Undefined for the site as it was without the sweeper. */
  readonly sweeper: CacheSweeper | undefined;
}

/** A site with sessions, form tokens and pages, laid out as public hapi and Nunjucks sites are. */
export async function createServer({ database, way, isCached, sweeper }: SiteOptions): Promise<hapi.Server> {
  const server = hapi.server({ host: '127.0.0.1', debug: false });
  const cookieOptions = { password: 'a password of at least thirty-two characters', isSecure: false };
  if (sweeper !== undefined) await server.register(requestStart());
  await server.register({ plugin: yar, options: { storeBlank: false, cookieOptions } });
  await server.register({ plugin: crumb.plugin, options: { cookieOptions: { isSecure: false } } });
  await server.register(nunjucksConfig(way, isCached, sweeper));
  const page = (path: string, template: string): void => {
    const handler: hapi.Lifecycle.Method = ({ params, yar }, h) => {
      const article = database.article(params.id);
      const comments = article && database.commentsOn(article);
      const { articles } = database;
      // Here, because vision asks for its context when yar has sent the session.
      return h.view(template, { articles, article, comments, messages: yar.flash('notice') });
    };
    server.route({ method: 'GET', path, handler });
  };
  page('/', 'home/index');
  page('/articles/{id}', 'article/index');
  page('/form/{id}', 'form/index');
  page('/refused/{id}', 'refused/index');
  server.route([
    {
      method: 'POST',
      path: '/login',
      handler: ({ payload, yar }, h) => {
        const { name } = payload as { name: string };
        yar.set('visitor', { name });
        yar.flash('notice', `Welcome, ${name}`);
        return h.redirect('/');
      },
    },
    {
      method: 'POST',
      path: '/articles/{id}/comments',
      handler: async ({ params, payload, yar }, h) => {
        const { text } = payload as { text: string };
        const comment = new Comment(database.comments.length + 100, Number(params.id), text);
        database.comments.push(comment);
        await sweeper?.invalidateCacheFor(comment);
        yar.flash('notice', 'Thank you');
        return h.redirect(`/articles/${params.id}`);
      },
    },
  ]);
  return server;
}
