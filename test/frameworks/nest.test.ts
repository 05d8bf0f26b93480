import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import type { INestApplication } from '@nestjs/common';
import { type ArgumentsHost, Catch, Controller, Get, Inject, Module, Param, Render } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { CacheSweeper, lazy } from 'nunjucks-cachesweeper';
import { expect, test } from 'vitest';
import type { Blog } from './blog.ts';
import { nestSite } from './examples/nest.ts';
import { nestFastifySite } from './examples/nest-fastify.ts';
import { type Parts, type Site, testFramework } from './framework-suite.ts';

testFramework('Nest on Express', async (parts) =>
  served(await nestSite(parts.sweeper, appModule(parts.blog)), parts, (reply, message) =>
    (reply as { status(code: number): { send(body: string): void } }).status(500).send(message),
  ),
);
testFramework('Nest on Fastify', async (parts) =>
  served(await nestFastifySite(parts.sweeper, appModule(parts.blog)), parts, (reply, message) =>
    (reply as { status(code: number): { send(body: string): void } }).status(500).send(message),
  ),
);

/** The decorators are called, because Nest's are not those of the language. */
function appModule(blog: Blog) {
  class Pages {
    async article(id: string) {
      const article = await blog.article(id);
      return { article, comments: lazy(() => blog.comments(article)), visitor: 'Ann' };
    }
    failing() {
      return { ...blog.page(1), comments: lazy(() => blog.fail()) };
    }
    missing() {
      return {};
    }
    wrong() {
      return {};
    }
  }
  Controller()(Pages);
  Param('id')(Pages.prototype, 'article', 0);
  for (const [name, path, view] of [
    ['article', 'articles/:id', 'article.njk'],
    ['failing', 'failing', 'article.njk'],
    ['missing', 'missing', 'missing.njk'],
    ['wrong', 'wrong', 'wrong.njk'],
  ] as const) {
    const descriptor = Object.getOwnPropertyDescriptor(Pages.prototype, name)!;
    Get(path)(Pages.prototype, name, descriptor);
    Render(view)(Pages.prototype, name, descriptor);
  }
  class AppModule {}
  Module({ controllers: [Pages] })(AppModule);
  return AppModule;
}

async function served(
  app: INestApplication,
  { errors }: Parts,
  answer: (reply: unknown, message: string) => void,
): Promise<Site> {
  class Filter {
    catch(error: Error, host: ArgumentsHost) {
      errors.push(error);
      answer(host.switchToHttp().getResponse(), error.message);
    }
  }
  Catch()(Filter);
  app.useLogger(false);
  app.useGlobalFilters(new Filter());
  await app.listen(0, '127.0.0.1');
  return { url: await app.getUrl(), close: () => app.close() };
}

test('the provider of the docs gives services the sweeper that renders', async () => {
  const [, provider] = /`(\{ provide: .*?\})`/.exec(
    readFileSync(new URL('../../docs/frameworks.md', import.meta.url), 'utf8'),
  )!;
  const sweeper = new CacheSweeper();
  class Comments {
    readonly sweeper: CacheSweeper;
    constructor(given: CacheSweeper) {
      this.sweeper = given;
    }
  }
  Inject(CacheSweeper)(Comments, undefined, 0);
  class AppModule {}
  const made = new Function('CacheSweeper', 'sweeper', `return ${provider}`)(CacheSweeper, sweeper);
  Module({ providers: [Comments, made] })(AppModule);
  const app = await NestFactory.createApplicationContext(AppModule, { logger: false });
  expect(app.get(Comments).sweeper).toBe(sweeper);
  expect(app.get(CacheSweeper)).toBe(sweeper);
  await app.close();
});
