/** Rows of the little site: every save gives the next version. */
class Row {
  readonly id: number;
  readonly version: number;
  constructor(id: number, version: number) {
    this.id = id;
    this.version = version;
  }
}

export class Article extends Row {}
export class Comment extends Row {}
export class Author extends Row {}

export const models = { Article, Comment, Author };

// Who made it is told, and is no reason to make it again.
export const fragment = (args: string, rows: string, inside = '') =>
  `{% cachesweeper ${args} except="by" %}["{{ by }}",[${rows}],[${inside}]]{% endcachesweeper %}`;
export const row = (name: string, value = name) =>
  `["${name[0]?.toUpperCase()}${name.slice(1)}:{{ ${name}.id }}",{{ ${value}.version }}]`;

const comment = fragment('comment 0', row('comment'));

/** Pages whose html is JSON: see `Shown` in history.ts. */
const pages = {
  plain: `[${fragment('article 0', row('article'))}]`,
  using: `[${fragment('article 0 using="version"', row('article').replace(']', ',"exact"]'))},${fragment('article 0', row('article'))}]`,
  nested: `[${fragment('article 0', row('article'), '{% include "comment" %}')}]`,
  part: '[{% include "comment" %}]',
  // The version is not there before it is asked for.
  lazy: `[${fragment('article 0', row('article', 'load("Article")'), `{% for comment in [load("Comment")] %}${comment}{% endfor %}`)}]`,
  // The outer body cannot see the model: what the inner tag names is all that it knows of it.
  listed: `[${fragment('article 0', row('article'), '{% include "list" %}')}]`,
  // Its ttl is over when a scenario begins that begins warm.
  expiring: `[${fragment('article 30 stale="10m"', row('article', 'load("Article")'))}]`,
  depends: `[${fragment('article 0', `${row('article')}{% depends author %},${row('author')}`)}]`,
  // What it depends on is known before it loads: others wait for it meanwhile.
  loads: `[${fragment('article 0', `{% depends author %}${row('author', 'load("Author")')}`)}]`,
  // Of two rows one is loaded first, and may be old when the other is there.
  'loads two': `[${fragment('article 0', `{% depends author %}${row('author', 'load("Author")')},${row('article', 'load("Article")')}`)}]`,
};

export type Page = keyof typeof pages;

const list = fragment('"Comment" 0', '["Comment:{{ load("Comment").id }}",{{ load("Comment").version }}]');

export const templates: Record<string, string> = { ...pages, comment, list };

/** The rows that a page shows. */
export const rowsOf: Readonly<Record<Page, readonly (keyof typeof models)[]>> = {
  plain: ['Article'],
  using: ['Article'],
  nested: ['Article', 'Comment'],
  part: ['Comment'],
  lazy: ['Article', 'Comment'],
  listed: ['Article', 'Comment'],
  expiring: ['Article'],
  depends: ['Article', 'Author'],
  loads: ['Author'],
  'loads two': ['Article', 'Author'],
};

/** The rows that a page has without their versions, which its lazy loads; the others are there when it begins. */
export const loadedBy: Readonly<Partial<Record<Page, readonly (keyof typeof models)[]>>> = {
  lazy: ['Article', 'Comment'],
  expiring: ['Article'],
  loads: ['Article', 'Author'],
  'loads two': ['Article', 'Author'],
};
