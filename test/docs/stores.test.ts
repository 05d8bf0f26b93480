import { mkdirSync, writeFileSync } from 'node:fs';
import type { Store } from 'nunjucks-cachesweeper';
import { storeContract } from 'nunjucks-cachesweeper/testing';
import { describe, expect, test } from 'vitest';
import { codeBlocks } from './code-blocks.ts';

const folder = new URL('../../build/docs/', import.meta.url);
const source = codeBlocks('docs/stores.md', 'ts').find((code) => code.includes('class MapStore'));
mkdirSync(folder, { recursive: true });
writeFileSync(new URL('map-store.ts', folder), source ?? '');
const { MapStore } = (await import(new URL('map-store.ts', folder).pathname)) as {
  MapStore: new (values: Map<string, unknown>) => Store;
};

describe('the store of docs/stores.md keeps the contract', () => {
  const server = new Map<string, unknown>();
  test.each(storeContract({ create: () => new MapStore(server) }).map(({ title, run }) => [title, run] as const))(
    '%s',
    async (_title, run) => {
      await expect(run()).resolves.toBeUndefined();
    },
  );
});
