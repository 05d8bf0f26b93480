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
