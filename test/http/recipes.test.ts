import { createHmac } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import express from 'express';
import { CacheSweeper } from 'nunjucks-cachesweeper';
import type { httpModels } from 'nunjucks-cachesweeper/http';
import { afterEach, expect, test, vi } from 'vitest';
import { blocksOf } from '../docs/code-blocks.ts';
import { type Site, serve } from '../frameworks/framework-suite.ts';

const SECRET = 'a secret of enough characters';
let site: Site | undefined;
afterEach(async () => {
  vi.unstubAllEnvs();
  await site?.close();
  site = undefined;
});

/** Runs the lines of a recipe, with a sweeper and an app, and returns what they define. */
async function recipe<T>(name: string, defined: string) {
  const [block] = blocksOf('docs/recipes.md').filter(({ section, language }) => section === name && language === 'ts');
  const folder = new URL('../../build/docs/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  const file = new URL(`${name.toLowerCase().replace(/\W+/g, '-')}.ts`, folder);
  const bumped: string[] = [];
  const parts = { sweeper: new CacheSweeper({ onBump: (names) => void bumped.push(...names) }), app: express() };
  Object.assign(globalThis, { recipeParts: parts });
  writeFileSync(
    file,
    `const { sweeper, app } = (globalThis as any).recipeParts;\n${block?.code}\nexport { ${defined} };\n`,
  );
  const made = (await import(file.pathname)) as T;
  return { ...parts, bumped, made };
}

async function post(app: express.Express, path: string, body: string, headers: Record<string, string>) {
  site = await serve(app);
  return (await fetch(site.url + path, { method: 'POST', body, headers })).status;
}

test('Contentful: a publication invalidates all that was read of it', async () => {
  vi.stubEnv('CONTENTFUL_SIGNING_SECRET', SECRET);
  const { app, bumped } = await recipe('Contentful', 'fetch');
  const body = '{"sys":{"type":"Entry","id":"7"}}';
  const headers = {
    'x-contentful-timestamp': String(Date.now()),
    'x-contentful-signed-headers': 'x-contentful-timestamp',
  };
  const text = `POST\n/hooks/contentful\nx-contentful-timestamp:${headers['x-contentful-timestamp']}\n${body}`;
  const signature = createHmac('sha256', SECRET).update(text).digest('hex');
  expect(await post(app, '/hooks/contentful', body, { ...headers, 'x-contentful-signature': signature })).toBe(204);
  expect(bumped).toEqual(['GET%0020https%003a//cdn.contentful.com']);
});

test('Strapi: an article invalidates its collection, and what has none everything of it', async () => {
  vi.stubEnv('STRAPI_TOKEN', SECRET);
  const { app, bumped } = await recipe('Strapi', 'COLLECTIONS');
  const headers = { authorization: `Bearer ${SECRET}` };
  const body = (model: string) => JSON.stringify({ event: 'entry.update', model, entry: { id: 7 } });
  expect(await post(app, '/hooks/strapi', body('article'), headers)).toBe(204);
  expect(bumped).toContain('GET%0020https%003a//cms.example:=/api/articles/**');
  await site?.close();
  expect(await post(app, '/hooks/strapi', body('other'), headers)).toBe(204);
  expect(bumped).toContain('GET%0020https%003a//cms.example');
});

test('Drupal: a node invalidates its resource and collection', async () => {
  vi.stubEnv('DRUPAL_SECRET', SECRET);
  const { app, bumped } = await recipe('Drupal', '');
  const body = '{"type":"node--article","uuid":"5-7"}';
  const signature = createHmac('sha256', SECRET).update(body).digest('hex');
  expect(await post(app, '/hooks/drupal', body, { 'x-drupal-signature': signature })).toBe(204);
  expect(bumped.map((name) => name.replace('GET%0020https%003a//cms.example:=', ''))).toEqual([
    '/jsonapi/node/article/5-7/**',
    '/jsonapi/node/article',
  ]);
});

test('a queue: a message is acknowledged when its url is invalidated', async () => {
  const { bumped, made } = await recipe<{
    http: ReturnType<typeof httpModels>;
    consume(message: { content: Buffer; acknowledge(): void }): Promise<void>;
  }>('A queue', 'http, consume');
  let acknowledged = 0;
  const acknowledge = () => {
    acknowledged += bumped.length;
  };
  await made.consume({ content: Buffer.from('{"url":"https://api.example/articles/7"}'), acknowledge });
  expect(acknowledged).toBe(2);
});
