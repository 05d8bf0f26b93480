import { readFileSync } from 'node:fs';

/** What docs/http.md says of each request: the resources of the pages of the tests that are invalidated. */
export function rowsOf(heading: string): ReadonlyMap<string, readonly string[]> {
  const text = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');
  const section = text.split(/^##+ /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|')).slice(2);
  return new Map(
    lines.map((line) => {
      const [, request = '', , invalidated = ''] = line.split('|').map((cell) => cell.trim());
      return [request.replaceAll('`', ''), [...invalidated.matchAll(/`([^`]+)`/g)].map(([, path]) => path as string)];
    }),
  );
}
