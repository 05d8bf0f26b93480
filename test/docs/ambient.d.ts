// What the examples of the docs take for granted: a blog, and the server around it.

declare const app: import('express').Express;
declare const req: import('express').Request & { flash(kind: string): string[] };
declare const res: import('express').Response;
declare const server: import('node:http').Server;
declare const env: import('nunjucks').Environment;
declare const CacheSweeper: typeof import('nunjucks-cachesweeper').CacheSweeper;
declare const sweeper: import('nunjucks-cachesweeper').CacheSweeper;
declare const lazy: typeof import('nunjucks-cachesweeper').lazy;

declare class Comment {
  static findByPk(id: unknown): Promise<Comment>;
  static findAll(): Promise<Comment[]>;
  readonly id: number;
  readonly articleId: number;
  readonly text: string;
  update(values: object): Promise<void>;
}
declare class Article {
  static findByPk(id: unknown): Promise<Article>;
  readonly id: number;
  readonly title: string;
  getComments(): Promise<Comment[]>;
  save(): Promise<void>;
}
declare class Vote {
  readonly id: number;
  readonly commentId: number;
}
declare const vote: Vote;
declare const comment: Comment;
declare const comments: readonly Comment[];
declare const article: Article;
declare const articles: readonly Article[];

declare const templates: string;
declare const page: string;
declare const counter: { increment(page: string): Promise<number> };
declare const blog: {
  article(id: unknown): Promise<Article>;
  comments(article: Article): Promise<Comment[]>;
};

declare module '@ladjs/consolidate' {
  const consolidate: { nunjucks(path: string, options: object, done: (error: unknown, html?: string) => void): void };
  export default consolidate;
}

declare module 'koa-nunjucks-2' {
  const views: (options: object) => import('koa').Middleware;
  export default views;
}

declare module 'govuk-prototype-kit' {
  export const requests: { setupRouter(): import('express').Router };
}

declare module 'govuk-prototype-kit/lib/nunjucks/nunjucksConfiguration' {
  const configuration: { getNunjucksAppEnv(...views: unknown[]): import('nunjucks').Environment };
  export = configuration;
}

declare module 'nhsuk-prototype-kit' {
  interface Prototype {
    readonly nunjucks?: import('nunjucks').Environment;
    start(port?: number): void;
  }
  const kit: { init(options: object): Promise<Prototype> };
  export = kit;
}

declare const sequelize: import('sequelize').Sequelize;
declare const api: string;
declare const handler: import('express').RequestHandler;
declare const session: typeof import('express-session');
declare const passport: import('passport').PassportStatic;
declare const secret: string;
declare const store: import('nunjucks-cachesweeper').Store;
declare function purge(keys: readonly string[]): Promise<void>;

declare const dataSource: import('typeorm').DataSource;
declare const AppModule: import('@nestjs/common').Type;
declare const PrismaClient: new (options: object) => { $extends: unknown; $transaction: unknown };
declare const adapter: object;
