import { Served } from './served.ts';
import type { Site } from './site.ts';

const ANN = { name: 'Ann <b>', answer: 'yes', drinks: ['tea', 'water'], 'address[town]': 'Leeds' };
const BOB = { name: 'Bob', answer: 'no', drinks: ['milk', 'water'], 'address[town]': 'York' };

/**
 * What differs from site to site: its folder, in pages of errors the stack and the lines around the error, and whether the kit finds that the
 * source of the home page was edited, as it is with a tag.
 */
const normal = (html: string, site: Site): string =>
  html
    .replaceAll(site.folder, 'SITE')
    .replaceAll(/<pre[^>]*id="govuk-prototype-kit-error-(?:block|stack)"[\s\S]*?<\/pre>/g, '')
    .replaceAll(/(?<=task-list__tag">\s*)(?:To do|Done)/g, '')
    .replaceAll(/\(line \d+\)/g, '')
    .replaceAll(/(?:SITE\S*\) )?\[Line \d+, Column \d+\]/g, '[Line]');

/** To how many visitors a page is shown: the kit's own pages are the same for all, those of components are long. */
function visitorsOf(path: string): number {
  if (path.startsWith('/manage-prototype')) return 1;
  return path.startsWith('/components/') ? 2 : 3;
}

/** The pages of one round, by path and visitor. */
export type Pages = ReadonlyMap<string, string>;

export interface Running {
  /** Asks for each page as Ann, as Bob and as someone who has answered nothing. */
  round(): Promise<Pages>;
  get(path: string): Promise<string>;
  readonly log: () => string;
  stop(): Promise<void>;
}

export async function start(site: Site, env: Record<string, string>): Promise<Running> {
  const served = await Served.start(site.command, site.folder, env);
  const visitors = [await served.visitor(ANN), await served.visitor(BOB), ''];
  return {
    async round() {
      const pages = new Map<string, string>();
      for (const path of site.paths) {
        const asked = visitors.slice(0, visitorsOf(path));
        for (const [index, cookie] of asked.entries()) {
          const { status, html } = await served.get(path, cookie);
          pages.set(`${path} to visitor ${index}`, `${status} ${normal(html, site)}`);
        }
      }
      return pages;
    },
    get: async (path) => (await served.get(path)).html,
    log: () => served.log,
    stop: () => served.stop(),
  };
}

/** The pages that differ, each from where it does. */
export function differences(expected: Pages, actual: Pages): string[] {
  return [...expected]
    .filter(([page, html]) => actual.get(page) !== html)
    .map(([page, html]) => {
      const other = actual.get(page) ?? '';
      let at = 0;
      while (html[at] === other[at]) at++;
      const near = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 60), at + 120));
      return `${page}: ${near(html)} became ${near(other)}`;
    });
}
