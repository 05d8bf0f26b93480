import type { Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/fastify';
import { templates } from '../blog.ts';

export async function nestFastifySite(sweeper: CacheSweeper, AppModule: Type): Promise<NestFastifyApplication> {
  // docs: Nest on Fastify
  const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter());
  await app.register(requestStart());
  app.setViewEngine({
    engine: { nunjucks },
    templates,
    options: { autoescape: true, onConfigure: (env: nunjucks.Environment) => sweeper.install(env) },
  });
  // docs end
  return app;
}
