import 'reflect-metadata';
import assert from 'node:assert/strict';
import { Controller, Get, type INestApplication, Injectable, Module, Post, Render } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import * as onExpress from 'nunjucks-cachesweeper/express';
import * as onFastify from 'nunjucks-cachesweeper/fastify';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import type { DataSource } from 'typeorm';

// Nest 11, which is CommonJS as most of its sites are.
@Injectable()
class Comments {
  constructor(private readonly sweeper: CacheSweeper) {}

  save(): Promise<void> {
    return this.sweeper.invalidateCacheFor('Comment');
  }
}

let renders = 0;

@Controller()
class Pages {
  constructor(private readonly comments: Comments) {}

  @Get()
  @Render('page.njk')
  page(): object {
    return { count: () => ++renders };
  }

  @Post()
  async save(): Promise<string> {
    await this.comments.save();
    return 'saved';
  }
}

function modules(sweeper: CacheSweeper): new () => object {
  @Module({ controllers: [Pages], providers: [Comments, { provide: CacheSweeper, useValue: sweeper }] })
  class AppModule {}
  return AppModule;
}

async function expressSite(sweeper: CacheSweeper): Promise<INestApplication> {
  const app = await NestFactory.create<NestExpressApplication>(modules(sweeper), { logger: false });
  app.use(onExpress.requestStart());
  app.get(CacheSweeper).install(nunjucks.configure(__dirname, { express: app.getHttpAdapter().getInstance() }));
  return app;
}

async function fastifySite(sweeper: CacheSweeper): Promise<INestApplication> {
  const adapter = new FastifyAdapter();
  const app = await NestFactory.create<NestFastifyApplication>(modules(sweeper), adapter, { logger: false });
  await app.register(onFastify.requestStart());
  app.setViewEngine({
    engine: { nunjucks },
    templates: __dirname,
    options: { onConfigure: (env: nunjucks.Environment) => app.get(CacheSweeper).install(env) },
  });
  return app;
}

async function main(): Promise<void> {
  for (const site of [expressSite, fastifySite]) {
    renders = 0;
    const app = await site(new CacheSweeper());
    await app.listen(0, '127.0.0.1');
    const ask = async (method: string): Promise<string> => (await fetch(await app.getUrl(), { method })).text();
    assert.equal(await ask('GET'), '1\n');
    assert.equal(await ask('GET'), '1\n', site.name);
    assert.equal(await ask('POST'), 'saved');
    assert.equal(await ask('GET'), '2\n', site.name);
    await app.close();
  }

  const isNoSource = { isInitialized: false } as DataSource;
  assert.throws(() => sweepOnSave(isNoSource, new CacheSweeper()), CacheSweeperError);
}

void main();
