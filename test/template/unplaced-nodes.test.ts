import type { Environment } from 'nunjucks';
import { expect, test } from 'vitest';
import { Article } from '../support/models.ts';
import { failure, fragment, site } from './site.ts';

type Node = object;
type Make = (nodes: Record<string, new (...args: unknown[]) => Node>) => Node;

/** A tag that is replaced by nodes without a place: most extensions do not copy their tag's. */
function generating(make: Make) {
  return {
    tags: ['made'],
    parse(parser: { nextToken(): { value: unknown }; advanceAfterBlockEnd(name: unknown): void }, nodes: never): Node {
      parser.advanceAfterBlockEnd(parser.nextToken().value);
      return make(nodes);
    },
  };
}

const none = undefined;
const symbol: (name: string) => Make = (name) => (nodes) =>
  new (nodes.Symbol as never as new (...a: unknown[]) => Node)(none, none, name);
const printed =
  (make: Make): Make =>
  (nodes) =>
    new (nodes.Output as new (...args: unknown[]) => Node)(none, none, [make(nodes)]);
const made =
  (name: string, ...rest: ((nodes: Parameters<Make>[0]) => unknown)[]): Make =>
  (nodes) =>
    new (nodes[name] as new (...args: unknown[]) => Node)(none, none, ...rest.map((part) => part(nodes)));
const literal = (value: unknown) => made('Literal', () => value);

const nodesOf: Record<string, readonly [Make, code: string]> = {
  'a private name': [printed(made('LookupVal', symbol('user'), literal('name'))), 'CACHESWEEPER_PRIVATE_NAME'],
  'caller()': [printed(made('FunCall', symbol('caller'), made('NodeList'))), 'CACHESWEEPER_CALLER_IN_BODY'],
  'a block': [made('Block', symbol('content'), made('NodeList')), 'CACHESWEEPER_BLOCK_IN_BODY'],
  extends: [made('Extends', literal('layout.njk')), 'CACHESWEEPER_BLOCK_IN_BODY'],
  'a change': [
    printed(made('FunCall', made('LookupVal', symbol('seen'), literal('push')), made('NodeList'))),
    'CACHESWEEPER_UNSEEN',
  ],
};

test.each(Object.entries(nodesOf))(
  'an error at a node that an extension made without a place is shown at the fragment: %s',
  async (_what, [make, code]) => {
    const own = site({ 'page.njk': `\n${fragment('article', '{% made %}')}`, 'layout.njk': '' });
    (own.env as Environment).addExtension('made', generating(make) as never);
    const error = await failure(own.render({ article: new Article(1), user: { name: 'Ann' }, seen: [] }));
    expect(error).toMatchObject({ code });
    expect(error.message).toMatch(/^\(page\.njk\) \[Line 2, Column \d+\]/);
    expect(error.message).not.toContain('NaN');
  },
);
