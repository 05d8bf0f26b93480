import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ResourceNames } from '../../src/http-api/resource-names.ts';
import { runs } from '../support/long.ts';

const ORIGIN = 'https://api.example';
const named = (path: string) => new ResourceNames(new URL(ORIGIN + path));
const reaches = (written: string, read: string) => {
  const names = named(read).read;
  return [...named(written).written].some((name) => names.has(name));
};

const segment = fc.constantFrom(
  'articles',
  'comments',
  '7',
  '77',
  'a b',
  'é',
  '*',
  '**',
  '%',
  "'",
  '~',
  'x'.repeat(200),
);
const path = (maxLength: number) =>
  fc.array(segment, { maxLength }).map((segments) => `/${segments.map(encodeURIComponent).join('/')}`);

/** Whether a write is to reach a read: itself, what is below it, and the collection above. */
function isNear(written: string, read: string): boolean {
  const [w, r] = [written, read].map((each) => each.split('/').filter(Boolean)) as [string[], string[]];
  const isBelow = w.length <= r.length && w.every((each, i) => each === r[i]);
  const isAbove = r.length === w.length - 1 && r.every((each, i) => each === w[i]);
  return isBelow || isAbove;
}

test('a write reaches itself, what is below it and the collection above, and nothing else', () => {
  fc.assert(
    fc.property(path(5), path(5), (written, read) => {
      expect(reaches(written, read)).toBe(isNear(written, read));
      expect(reaches(written, written)).toBe(true);
    }),
    runs(500, 100_000, 20_000),
  );
});

test('a deep path has few names, and a write to it reaches too much rather than too little', () => {
  fc.assert(
    fc.property(path(40), path(40), fc.boolean(), (written, other, isBelow) => {
      const read = isBelow ? `${written === '/' ? '' : written}${other}` : other;
      expect(named(read).read.size).toBeLessThanOrEqual(16);
      expect(named(written).written.size).toBeLessThanOrEqual(2);
      if (isNear(written, read)) expect(reaches(written, read)).toBe(true);
    }),
    runs(300, 50_000, 10_000),
  );
});

test('names are short, and have nothing of a query, of credentials or of a fragment', () => {
  const url = `https://user:secret@api.example/${'a'.repeat(5_000)}/7?token=secret#secret`;
  const names = [...new ResourceNames(new URL(url)).read, ...new ResourceNames(new URL(url)).written];
  for (const name of names) {
    expect(name).not.toContain('secret');
    expect(name.length).toBeLessThan(300);
  }
  expect([...named('/articles/7?page=2').read]).toEqual([...named('/articles/7').read]);
});

test.each([
  ['/articles/7/', '/articles/7'],
  ['/articles///7', '/articles/7'],
  ['/articles/./x/../7', '/articles/7'],
  ['/%61rticles/7', '/articles/7'],
  ['/articles/%c3%a9', '/articles/%C3%A9'],
  ['/articles.json', '/articles'],
  ['/articles/7.json', '/articles/7'],
  ['/articles/7.XML?fields=id', '/articles/7'],
  ['//articles/7', '/articles/7'],
  ['/Articles/7', '/articles/7'],
])('%s is the resource %s', (written, plain) => {
  expect(named(written).read).toEqual(named(plain).read);
  expect(named(written).written).toEqual(named(plain).written);
});

test.each(['/articles/%2F', '/articles/%ff', '/.json', '/**', '/articles%2F7'])(
  '%s is a resource of its own',
  (path) => {
    expect(reaches(path, path)).toBe(true);
    expect(reaches(path, '/articles/7')).toBe(false);
  },
);

test('origins are apart', () => {
  const written = new ResourceNames(new URL('https://api.example/articles/7')).written;
  for (const origin of ['http://api.example', 'https://api.example:8443', 'https://www.api.example']) {
    const read = new ResourceNames(new URL('/articles/7', origin)).read;
    expect([...written].some((name) => read.has(name))).toBe(false);
  }
});
