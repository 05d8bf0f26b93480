import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative, sep } from 'node:path';
import { expect, test } from 'vitest';

const src = new URL('../../src/', import.meta.url).pathname;

/** From the ground up: a room may import from the rooms that stand before it, and from itself. Files directly in `src` are rooms too. */
const ROOMS: readonly (readonly string[])[] = [
  ['errors'],
  ['util'],
  ['model', 'stores'],
  ['reads', 'reporting', 'outbox'],
  ['cache'],
  ['options'],
  ['listeners', 'render'],
  ['template', 'views', 'invalidation'],
  ['sweeper'],
  ['orm', 'http-api', 'metrics', 'testing', 'index', 'cli', 'panel'],
];

const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));

/** What a file imports of this project, types too. */
function importsOf(file: string): readonly string[] {
  const text = readFileSync(join(src, file), 'utf8');
  return Array.from(text.matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g), ([, path]) =>
    normalize(join(dirname(file), path as string)),
  );
}

const imports: ReadonlyMap<string, readonly string[]> = new Map(files.map((file) => [file, importsOf(file)]));

function roomOf(file: string): string {
  const [first = '', ...others] = relative('.', file).split(sep);
  return others.length === 0 ? first.replace(/\.ts$/, '') : first;
}

function levelOf(file: string): number {
  return ROOMS.findIndex((level) => level.includes(roomOf(file)));
}

/** A circle through a file; undefined where there is none. */
function circleThrough(start: string): readonly string[] | undefined {
  const seen = new Set<string>();
  const visit = (file: string, path: readonly string[]): readonly string[] | undefined => {
    for (const next of imports.get(file) ?? []) {
      if (next === start) return [...path, file, start];
      if (seen.has(next)) continue;
      seen.add(next);
      const circle = visit(next, [...path, file]);
      if (circle !== undefined) return circle;
    }
    return undefined;
  };
  return visit(start, []);
}

test('every room of src stands in the order', () => {
  expect(new Set(files.map(roomOf))).toEqual(new Set(ROOMS.flat()));
});

test('every import is of a file that is there', () => {
  for (const [file, imported] of imports)
    expect([file, imported.filter((one) => !imports.has(one))]).toEqual([file, []]);
});

test('no import goes up, or to a room beside', () => {
  const wrong = [...imports].flatMap(([file, imported]) =>
    imported
      .filter((one) => roomOf(one) !== roomOf(file) && levelOf(one) >= levelOf(file))
      .map((one) => `${file} imports ${one}`),
  );
  expect(wrong).toEqual([]);
});

test('no files import each other in a circle', () => {
  expect(files.flatMap((file) => circleThrough(file)?.join(' → ') ?? [])).toEqual([]);
});

test('the rooms are those that docs/architecture.md draws', () => {
  const drawn = readFileSync(new URL('../../docs/architecture.md', import.meta.url), 'utf8');
  for (const room of ROOMS.flat()) expect(drawn).toContain(`${room}`);
});

test('docs/architecture.svg draws the same rooms, in the same order', () => {
  const drawn = readFileSync(new URL('../../docs/architecture.svg', import.meta.url), 'utf8');
  const levels = new Map<number, string[]>();
  for (const [, y, room = ''] of drawn.matchAll(/<text x="[^"]+" y="([^"]+)" class="room">([^<]+)</g)) {
    levels.set(Number(y), [...(levels.get(Number(y)) ?? []), room].sort());
  }
  const fromTheGround = [...levels].sort(([a], [b]) => b - a).map(([, rooms]) => rooms);
  expect(fromTheGround).toEqual(ROOMS.map((rooms) => [...rooms].sort()));
});
