import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { templates } from '../blog.ts';

export async function nestSite(sweeper: CacheSweeper, AppModule: Type): Promise<NestExpressApplication> {
  // docs: Nest on Express
  const app = await NestFactory.create<NestExpressApplication>(AppModule);
  app.use(requestStart());
  const env = nunjucks.configure(templates, { autoescape: true, express: app.getHttpAdapter().getInstance() });
  sweeper.install(env);
  // docs end
  return app;
}
