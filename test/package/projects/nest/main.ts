import 'reflect-metadata';
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import express, { type Request, type Response } from 'express';
import nunjucks from 'nunjucks';
import { CacheSweeper, CacheSweeperError } from 'nunjucks-cachesweeper';
import { requestStart } from 'nunjucks-cachesweeper/express';
import { sweepOnSave } from 'nunjucks-cachesweeper/typeorm';
import type { DataSource } from 'typeorm';

/** As Nest: what the constructor of a class is given is read from the types that the compiler writes down. */
const Injectable = (): ClassDecorator => () => undefined;
const given = new Map<unknown, unknown>();
function make<T>(made: new (...args: never[]) => T): T {
  const types: unknown[] = Reflect.getMetadata('design:paramtypes', made) ?? [];
  return new made(...(types.map((type) => given.get(type)) as never[]));
}

@Injectable()
class PageController {
  private readonly env = new nunjucks.Environment(new nunjucks.FileSystemLoader(__dirname));
  private renders = 0;

  constructor(private readonly sweeper: CacheSweeper) {
    this.env.addGlobal('count', () => ++this.renders);
    this.sweeper.install(this.env);
  }

  async show(_request: Request, response: Response): Promise<void> {
    response.send(await this.sweeper.render(this.env, 'page.njk', {}));
  }
}

async function main(): Promise<void> {
  const sweeper = new CacheSweeper();
  given.set(CacheSweeper, sweeper);
  const controller = make(PageController);
  const app = express();
  app.use(requestStart());
  app.get('/', (request, response) => controller.show(request, response));
  const server = app.listen(0);
  const { port } = server.address() as AddressInfo;
  const page = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`)).text();
  assert.equal(await page(), '1\n');
  assert.equal(await page(), '1\n');
  await sweeper.invalidateCacheFor('Comment');
  assert.equal(await page(), '2\n');
  server.close();

  const isNoSource = { isInitialized: false } as DataSource;
  assert.throws(() => sweepOnSave(isNoSource, sweeper), CacheSweeperError);
}

void main();
