import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { type StoredView, viewOf, writeView } from '../../src/views/http/stored-view.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const MEBIBYTE = 1_024 * 1_024;

/** Uses so many views once, each with what a visitor's path has put into its head, and returns them as far as they are kept. */
async function kept(count: number, view: (i: number) => StoredView): Promise<number> {
  const entries: { readonly entry: WeakRef<object>; readonly bytes: number }[] = [];
  for (let i = 0; i < count; i++) {
    const entry = { html: writeView(view(i)) };
    expect(viewOf(entry)).toMatchObject({ status: 200 });
    entries.push({ entry: new WeakRef(entry), bytes: 2 * entry.html.length });
  }
  await sleep(10);
  collect();
  return entries.reduce((sum, { entry, bytes }) => sum + (entry.deref() === undefined ? 0 : bytes), 0);
}

const view = (headers: Record<string, string>, text: string): StoredView => ({
  status: 200,
  headers,
  removed: [],
  etag: '"a"',
  created: 0,
  age: 0,
  body: Buffer.from(text),
  isText: true,
  open: [],
  openHeaders: [],
  holes: [],
  environment: '',
});

test.each([
  ['short bodies and long heads', (i: number) => view({ link: `</${i}${'x'.repeat(14_000)}>` }, 'page')],
  ['long bodies', (i: number) => view({}, `${i}${'x'.repeat(14_000)}`)],
])('views that are kept ready to be sent, with %s, take no more than 8 MiB with their entries', async (_what, of) => {
  const bytes = await kept(2_000, of);
  expect(bytes).toBeLessThan(9 * MEBIBYTE);
  expect(bytes).toBeGreaterThan(MEBIBYTE);
});
