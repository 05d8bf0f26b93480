import { createRequire } from 'node:module';
import type nunjucks from 'nunjucks';

/** The page of all rows: a layout, a loop over comments, each an included template with about 2 KB of html. */
export const COMMENTS = 50;

export class Comment {
  readonly id: number;
  readonly author: string;
  readonly text: string;
  readonly votes: readonly { readonly label: string; readonly count: number }[];

  constructor(id: number) {
    this.id = id;
    this.author = `Author "${id}" & friends`;
    this.text = `<${id}> It's a long remark, with quotes "of all kinds" & more. `.repeat(12);
    this.votes = Array.from({ length: 10 }, (_, i) => ({ label: `vote <${i}>`, count: i * id }));
  }
}

export const commentsOf = (count: number): readonly Comment[] =>
  Array.from({ length: count }, (_, i) => new Comment(i + 1));

export const comments: readonly Comment[] = commentsOf(COMMENTS);

/** What a page is given. */
export const contextOf = (list: readonly Comment[]) => ({ title: 'A page of comments', comments: list });

/** A page as a server hands it over: Nunjucks returns a tree of pieces, which is put together when it is sent. */
export function sent(html: string | null): number {
  if (html === null) throw new Error('the page was not rendered at once');
  return Buffer.byteLength(html);
}

const BODY = `<article id="comment-{{ comment.id }}">
  <h3>{{ comment.author | title }}</h3>
  <p>{{ comment.text | trim }}</p>
  <ul>{% for vote in comment.votes %}<li class="{{ loop.index0 }}">{{ vote.label | upper }}: {{ vote.count }}</li>{% endfor %}</ul>
</article>`;

const LAYOUT = `<!doctype html><html><head><title>{{ title }}</title></head>
<body><nav>{{ title }}</nav>{% block content %}{% endblock %}<footer>{{ title }}</footer></body></html>`;

const PAGE = `{% extends "layout.njk" %}{% block content %}
<h1>{{ title }}</h1>{% for comment in comments %}{% include "comment.njk" %}{% endfor %}{% endblock %}`;

export type Kind = 'cached' | 'ready strings' | 'uncached' | 'no fragments' | 'ten variables';

/** Variables of the page that each comment's body reads, in the last kind. */
export const TEN_VARIABLES = {
  lang: 'en',
  zone: 'Europe/Berlin',
  theme: { colour: 'red', font: 'serif' },
  page: { number: 3, size: 50 },
  isCompact: false,
  labels: { vote: 'votes', reply: 'Reply', share: 'Share' },
};

const READING = `<footer lang="{{ lang }}" class="{{ theme.colour }} {{ theme.font }}{% if isCompact %} compact{% endif %}">
  {{ zone }} {{ page.number }}/{{ page.size }} {{ labels.vote }} {{ labels.reply }} {{ labels.share }}</footer>`;

const COMMENT: Record<Kind, string> = {
  cached: `{% cachesweeper comment 500 "comment.njk" %}${BODY}{% endcachesweeper %}`,
  'ten variables': `{% cachesweeper comment 500 "comment.njk" %}${BODY}${READING}{% endcachesweeper %}`,
  uncached: BODY,
  'no fragments': BODY,
  'ready strings': '{{ html[loop.index0] | safe }}',
};

const require = createRequire(import.meta.url);

/**
 * A copy of Nunjucks for each environment, as if it had the process for itself: V8 compiles code for what it has met, and
 * the sweeper hooks into the copy that it is installed in.
 */
function copyOfNunjucks(): typeof nunjucks {
  const isPart = /[\\/]node_modules[\\/](nunjucks|a-sync-waterfall|asap)[\\/]/;
  for (const path of Object.keys(require.cache)) if (isPart.test(path)) delete require.cache[path];
  return require('nunjucks');
}

let copies = 0;

/** Templates by their names, in an environment of its own. */
export function environmentWith(templates: Readonly<Record<string, string>>): nunjucks.Environment {
  const { Environment, Loader } = copyOfNunjucks();
  // Compiled to `if (1) {}`: functions of one source text would share what V8 has learnt, whoever made them.
  const difference = `{% if ${++copies} %}{% endif %}`;
  const loader = Object.assign(new Loader(), {
    getSource: (name: string) => ({ src: `${templates[name] ?? ''}${difference}`, path: name, noCache: false }),
  });
  return new Environment(loader);
}

/** An environment with the page, its comments rendered in one of the ways. */
export function environment(kind: Kind): nunjucks.Environment {
  return environmentWith({ 'layout.njk': LAYOUT, 'page.njk': PAGE, 'comment.njk': COMMENT[kind] });
}

/**
 * The same page around an asynchronous tag `naive`. Nunjucks loses the output of such a tag in an include in a `for`, so it
 * needs `asyncEach`.
 */
export function asyncEnvironment(): nunjucks.Environment {
  const page = PAGE.replace('{% for comment', '{% asyncEach comment').replace('{% endfor %}', '{% endeach %}');
  const comment = `{% naive comment %}${BODY}{% endnaive %}`;
  return environmentWith({ 'layout.njk': LAYOUT, 'page.njk': page, 'comment.njk': comment });
}

/** The html of each comment's body, in one piece: printing a tree of pieces again and again would take longer. */
export function bodies(list: readonly Comment[] = comments): string[] {
  const env = environment('uncached');
  return list.map((comment) => inOnePiece(env.render('comment.njk', { comment })));
}

export function inOnePiece(html: string): string {
  return Buffer.from(html).toString();
}

/** The page that prints ready strings: nothing that is cached can be faster. */
export function readyPage(list: readonly Comment[] = comments, html: readonly string[] = bodies(list)): () => number {
  const env = environment('ready strings');
  const context = { ...contextOf(list), html };
  return () => sent(env.render('page.njk', context));
}
