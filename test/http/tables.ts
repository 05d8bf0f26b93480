import { readFileSync } from 'node:fs';

/** A request of the table in docs/http.md, and the resources that are invalidated. */
export interface Row {
  /** `PUT /articles/7, 200` */
  readonly title: string;
  readonly method: string;
  readonly path: string;
  readonly happens: string;
  readonly invalidated: readonly string[];
}

/** The rows of the table below a heading of docs/http.md. */
export function rowsOf(heading: string): readonly Row[] {
  const text = readFileSync(new URL('../../docs/http.md', import.meta.url), 'utf8');
  const section = text.split(/^##+ /m).find((each) => each.startsWith(`${heading}\n`)) ?? '';
  const lines = section.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) => {
    const [, request = '', told = '', invalidated = ''] = line.split('|').map((cell) => cell.trim());
    const [method = '', path = ''] = request.replaceAll('`', '').split(' ');
    const happens = told.replaceAll('`', '');
    const paths = [...invalidated.matchAll(/`([^`]+)`/g)].map(([, each]) => each as string);
    return { title: `${method} ${path}, ${happens}`, method, path, happens, invalidated: paths.sort() };
  });
}
