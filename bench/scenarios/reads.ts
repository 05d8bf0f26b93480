import { CacheSweeper } from 'nunjucks-cachesweeper';
import {
  COMMENTS,
  Comment,
  comments,
  contextOf,
  environment,
  environmentWith,
  inOnePiece,
  readyPage,
  sent,
  TEN_VARIABLES,
} from '../page.ts';
import type { Made, Scenario } from '../scenario.ts';
import { warmSite } from '../warm-site.ts';

class Article {
  readonly id = 1;
  readonly title = 'An article';
}

/** As a database driver gives them: about 2 KB each. */
const rows = Array.from({ length: COMMENTS }, (_, i) => ({
  id: i + 1,
  title: `Title "${i}" & more`,
  author: `Author <${i}>`,
  text: `<${i}> It's a long remark, with quotes "of all kinds" & more. `.repeat(34),
  created: new Date(1_800_000_000_000 + i),
  tags: ['one', 'two'],
}));

const LIST =
  '<ul>{% for row in rows %}<li><a href="/{{ row.id }}">{{ row.title }}</a> by {{ row.author }}</li>{% endfor %}</ul>';
const COMMENT_LIST =
  '<ul>{% for comment in comments %}<li><h3>{{ comment.author | title }}</h3><p>{{ comment.text | trim }}</p></li>{% endfor %}</ul>';

function cached(body: string, context: object, models: readonly (new (...args: never[]) => object)[] = []): Made {
  const sweeper = new CacheSweeper();
  for (const model of models) sweeper.register(model, {});
  const source = `{% cachesweeper article 500 %}${body}{% endcachesweeper %}`;
  const env = sweeper.install(environmentWith({ 'page.njk': source }));
  return { side: () => sent(env.render('page.njk', context)) };
}

function uncached(body: string, context: object): Made {
  const env = environmentWith({ 'page.njk': body });
  return { side: () => sent(env.render('page.njk', context)) };
}

const article = new Article();
const withRows = { article, rows };
const withModels = { article, comments };

/** The html of each comment with what it reads of the page. */
function readingBodies(): string[] {
  const env = new CacheSweeper().install(environment('ten variables'));
  return comments.map((comment) => inOnePiece(env.render('comment.njk', { ...TEN_VARIABLES, comment })));
}

function tenVariables(): Made {
  const env = new CacheSweeper().install(environment('ten variables'));
  const context = { ...contextOf(comments), ...TEN_VARIABLES };
  return { side: () => sent(env.render('page.njk', context)) };
}

/** A warm page on Memcached with so many values of its variables in turn, and one whose variables stay. */
function changing(title: string, options: { readonly memory?: false }, values: number, roundTrips: number): Scenario {
  const trips = roundTrips === 1 ? '1 round trip' : `${roundTrips} round trips`;
  const variables = Array.from({ length: values }, (_, i) => ({ ...TEN_VARIABLES, page: { number: i, size: 50 } }));
  return {
    scenario: `${title}: warm page, 1 of 10 page variables has ${values} values in turn (${trips})`,
    floor: 'the same page unchanged (1 round trip)',
    away: 0,
    ours: async (port) => ({
      side: (await warmSite(port, options, { kind: 'ten variables', variables, roundTrips })).side,
    }),
    other: async (port) => ({
      side: (
        await warmSite(
          port,
          { ...options, namespace: `unchanged${process.pid}` },
          { kind: 'ten variables', variables: variables.slice(0, 1), roundTrips: 1 },
        )
      ).side,
    }),
  };
}

/** What it costs to compare what bodies read. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: '50 fragments that read 10 variables of the page each, all hits',
    floor: 'the same page printing 50 ready strings',
    ours: tenVariables,
    other: () => ({ side: readyPage(comments, readingBodies()) }),
  },
  {
    scenario: '50 models in a list, the tag on another model, a hit',
    floor: 'its body',
    ours: () => cached(COMMENT_LIST, withModels, [Comment]),
    other: () => uncached(COMMENT_LIST, withModels),
  },
  {
    scenario: '50 plain rows of 2 KB of which three fields are read, a hit',
    floor: 'its body',
    goal: 0.2,
    ours: () => cached(LIST, withRows),
    other: () => uncached(LIST, withRows),
  },
  changing('Memcached + memory tier', {}, 2, 1),
  changing('Memcached, no memory tier', { memory: false }, 2, 1),
  // More than the 8 variants that a process keeps of a tag and its model.
  changing('Memcached + memory tier', {}, 12, 2),
  changing('Memcached, no memory tier', { memory: false }, 12, 1),
];
