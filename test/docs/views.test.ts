import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const guide = read('docs/views.md');
const section = (heading: string) => guide.slice(guide.indexOf(`## ${heading}`)).split('\n## ')[0] ?? '';

test('docs/views.md names every option, and no other', () => {
  const checks = /const CHECKS[\s\S]*?\n};/.exec(read('src/views/options.ts'))?.[0] ?? '';
  const known = [...checks.matchAll(/^ {2}(\w+): \[/gm)].map(([, name]) => name);
  const named = [...section('Options').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
  expect(known.length).toBeGreaterThan(10);
  expect(named).toEqual(known);
});

test('docs/views.md names every reason of X-Cache', () => {
  const types = [
    read('src/views/http/request-rules.ts'),
    read('src/views/http/response-rules.ts'),
    read('src/views/miss-reason.ts'),
  ];
  const reasons = types.flatMap((text) => [...text.matchAll(/^ {2}\| '([\w -]+)'/gm)].map(([, reason]) => reason));
  const text = /^Reasons: [\s\S]*?\n\n/m.exec(guide)?.[0] ?? '';
  for (const reason of reasons) expect(text).toContain(`\`${reason}\``);
});

test('docs/views.md names every parameter that tracks visitors', () => {
  const tracking = /const TRACKING[\s\S]*?\];/.exec(read('src/views/http/address.ts'))?.[0] ?? '';
  for (const [, name] of tracking.matchAll(/^ {2}'([^']+)',$/gm)) expect(guide).toContain(`\`${name}\``);
});

test('docs/views.md names for each threat tests that are there', () => {
  const rows = [...section('Threats').matchAll(/^\| .* \| .* \| ([\w/-]+): (.*) \|$/gm)];
  expect(rows.length).toBeGreaterThan(15);
  for (const [, file, titles = ''] of rows) {
    const code = read(`test/views/${file}.test.ts`);
    for (const [, title = ''] of titles.matchAll(/"([^"]+)"/g)) expect(code).toContain(title);
  }
});
