import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import chokidar from 'chokidar';
import nunjucks from 'nunjucks';
import { onTestFinished, vi } from 'vitest';
import type { Templates } from '../support/loaders.ts';

/** Writes templates into a folder of their own, which is removed when the test is over. */
export function folder(templates: Templates): string {
  const root = mkdtempSync(join(tmpdir(), 'cachesweeper-templates-'));
  onTestFinished(() => rmSync(root, { recursive: true, force: true }));
  for (const [name, source] of Object.entries(templates)) write(root, name, source);
  return root;
}

export function write(root: string, name: string, source: string): void {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), source);
}

/** A file loader that watches its folder, once it does; it stops when the test is over. */
export async function watching(root: string): Promise<nunjucks.ILoader> {
  const watch = vi.spyOn(chokidar, 'watch');
  const loader = new nunjucks.FileSystemLoader(root, { watch: true });
  const watcher = watch.mock.results[0]?.value as chokidar.FSWatcher;
  watch.mockRestore();
  onTestFinished(() => watcher.close());
  await new Promise<void>((resolve) => watcher.on('ready', resolve));
  return loader as nunjucks.ILoader;
}
