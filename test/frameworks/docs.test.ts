import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const examples = new URL('examples/', import.meta.url);
const page = readFileSync(new URL('../../docs/frameworks.md', import.meta.url), 'utf8');

test.each(readdirSync(examples))('docs/frameworks.md shows the lines that the tests run: %s', (file) => {
  const source = readFileSync(new URL(file, examples), 'utf8');
  const [, indent, name, lines] = /^( *)\/\/ docs: (.*)\n([\s\S]*?)^ *\/\/ docs end$/m.exec(source)!;
  const code = lines!.replaceAll(new RegExp(`^${indent}`, 'gm'), '');
  expect(page).toContain(`## ${name}`);
  expect(page).toContain(code);
});

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const dense = (code: string) => code.replaceAll(/: nunjucks\.\w+/g, '').replaceAll(/\s+/g, ' ');

test("README's table names every framework of the guide's, and only lines that are run", () => {
  const rows = (text: string) =>
    Array.from(text.matchAll(/^\| (\[?[`\w].*?) \| (.*) \|$/gm), ([, site, line]) => ({ site: site!, line: line! }));
  const table = rows(/## Which site is yours\?[\s\S]*?\n\n\|[\s\S]*?\n\n/.exec(read('README.md'))![0]);
  const guide = rows(/Which site is yours\?\n\n[\s\S]*?\n\n/.exec(read('docs/guide.md'))![0]);
  const named = table.map(({ site }) => site).join();
  for (const { site } of guide.slice(0, -2)) expect(named).toContain(site.split(',')[0]);
  const run = dense(page + read('docs/recipes.md'));
  const lines = table.flatMap(({ line }) =>
    Array.from(line.matchAll(/`([^`]*(?:\{|install)[^`]*)`/g), ([, code]) => code!),
  );
  expect(lines.length).toBeGreaterThan(5);
  for (const line of lines) expect(run).toContain(line);
});
