import nunjucks from 'nunjucks';
import { describe, expect, test } from 'vitest';
import type { Node, Nodes, Parser } from '../../src/template/nunjucks.ts';
import type { Templates } from '../support/loaders.ts';
import { Article, Comment } from '../support/models.ts';
import { fragment, site } from './site.ts';

const f = fragment;
const COMMENT = f('comment', '{{ comment.text }}');
const context = () => ({
  article: new Article(1),
  comment: new Comment(7, 'old'),
  layout: 'base.njk',
  chosen: 'c.njk',
});

/** Nunjucks renders super() before everything else in its block, wherever it is written. */
const inherited: Record<string, Templates> = {
  'super() in a body': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() in the inner of two bodies': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', f('article', '<{{ super() }}>'))}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() of super() in a body': {
    'page.njk': `{% extends "middle.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'middle.njk': '{% extends "base.njk" %}{% block x %}{{ super() }}{% endblock %}',
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() in a loop in a body': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{% for i in [1] %}{{ super() }}{% endfor %}>')}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() through a filter in a body': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() | trim }}>')}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() of a parent chosen at run time': {
    'page.njk': `{% extends layout %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  },
  'super() of a block that includes what is chosen at run time': {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': '{% block x %}{% include chosen %}{% endblock %}',
    'c.njk': COMMENT,
  },
};

describe('a fragment in an inherited block', () => {
  test.each(Object.entries(inherited))('hands its dependencies up through %s', async (_how, templates) => {
    const { render, sweeper } = site(templates);
    const page = context();
    expect(await render(page)).toBe('<old>');
    page.comment.text = 'new';
    await sweeper.invalidateCacheFor(page.comment);
    expect(await render(page)).toBe('<new>');
  });

  test.each(Object.entries(inherited))(
    'that is not cached is not kept around it either: %s',
    async (_how, templates) => {
      const uncached = Object.fromEntries(
        Object.entries(templates).map(([name, source]) => [
          name,
          source.replace('comment 500', 'comment 500 when=false'),
        ]),
      );
      const { render } = site(uncached);
      const page = context();
      expect(await render(page)).toBe('<old>');
      page.comment.text = 'new';
      expect(await render(page)).toBe('<new>');
    },
  );
});

test('dependencies named in an inherited block count for the body that prints it', async () => {
  const { render, sweeper } = site({
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': '{% block x %}{% depends comment %}{{ comment.text }}{% endblock %}',
  });
  const page = context();
  expect(await render(page)).toBe('<old>');
  page.comment.text = 'new';
  await sweeper.invalidateCacheFor(page.comment);
  expect(await render(page)).toBe('<new>');
});

test('a template chosen at run time in an inherited block is a dependency of the body that prints it', async () => {
  const templates: Templates = {
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': '{% block x %}{% include chosen %}{% endblock %}',
    'c.njk': '1',
  };
  const loader = {
    getSource: (name: string) => ({ src: templates[name] as string, path: name, noCache: true }),
  };
  const { render } = site({}, { loader: loader as never });
  expect(await render(context())).toBe('<1>');
  templates['c.njk'] = '2';
  expect(await render(context())).toBe('<2>');
});

test('an inherited block is not rendered on a hit', async () => {
  const { env, render, outcomes } = site({
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '<{{ super() }}>')}{% endblock %}`,
    'base.njk': '{% block x %}{{ ran() }}{% endblock %}',
  });
  let runs = 0;
  env.addGlobal('ran', () => ++runs);
  expect(await render(context())).toBe('<1>');
  expect(await render(context())).toBe('<1>');
  expect(outcomes()).toEqual(['hit']);
  expect(runs).toBe(1);
});

test('super() in a body, inside the block of another tag', async () => {
  const { env, render, sweeper } = site({
    'page.njk': `{% extends "base.njk" %}{% block x %}${f('article', '{% wrap %}{{ super() }}{% endwrap %}')}{% endblock %}`,
    'base.njk': `{% block x %}${COMMENT}{% endblock %}`,
  });
  env.addExtension('wrap', new WrapTag() as never);
  const page = context();
  expect(await render(page)).toBe('(old)');
  page.comment.text = 'new';
  await sweeper.invalidateCacheFor(page.comment);
  expect(await render(page)).toBe('(new)');
});

/** A tag that prints its content in brackets. */
class WrapTag {
  readonly tags = ['wrap'];

  parse(parser: Parser, nodes: Nodes): Node {
    parser.nextToken();
    parser.advanceAfterBlockEnd('wrap');
    const body = parser.parseUntilBlocks('endwrap');
    parser.nextToken();
    parser.advanceAfterBlockEnd('endwrap');
    return new nodes.CallExtension(this, 'run', new nodes.NodeList(0, 0, []), [body]);
  }

  run(_context: unknown, body: () => string): unknown {
    return new nunjucks.runtime.SafeString(`(${body()})`);
  }
}
