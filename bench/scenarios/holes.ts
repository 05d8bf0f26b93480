import { CacheSweeper } from 'nunjucks-cachesweeper';
import { comments, contextOf, environmentWith, sent } from '../page.ts';
import type { Made, Scenario } from '../scenario.ts';

const context = {
  ...contextOf(comments),
  csrfToken: 'd2hvZXZlciByZWFkcyB0aGlzIGlzIG5vdCBhIHJvYm90',
  user: { name: 'Ann & "friends"' },
};

const form = (id: string): string => `<form action="/comments/{{ ${id} }}/like" method="post">
  <input type="hidden" name="_csrf" value="{{ csrfToken }}">
  <button title="as {{ user.name }}">{% if user %}Like{% else %}Log in{% endif %}</button>
</form>`;

const COMMENT = '<article id="c{{ comment.id }}"><h3>{{ comment.author | title }}</h3><p>{{ comment.text | trim }}</p>';

const page = (inside: string, beside: string): Made => {
  const fragment = `{% cachesweeper comments 500 %}{% for comment in comments %}${COMMENT}${inside}</article>{% endfor %}{% endcachesweeper %}`;
  const env = new CacheSweeper().install(
    environmentWith({ 'page.njk': fragment + (beside && `{% for comment in comments %}${beside}{% endfor %}`) }),
  );
  return { side: () => sent(env.render('page.njk', context)) };
};

/** A fragment of 50 comments, each with a form for its visitor. */
export const scenarios: readonly Scenario[] = [
  {
    scenario: 'a hit with 50 holes, each a form with its token',
    floor: 'the same hit without holes, and the 50 forms in a loop beside it',
    goal: 1.2,
    ours: () => page(`{% uncached id=comment.id %}${form('id')}{% enduncached %}`, ''),
    other: () => page('', form('comment.id')),
  },
  {
    scenario: 'what it is for: a hit with 50 holes',
    floor: 'the uncached page',
    ours: () => page(`{% uncached id=comment.id %}${form('id')}{% enduncached %}`, ''),
    other: () => {
      const source = `{% for comment in comments %}${COMMENT}${form('comment.id')}</article>{% endfor %}`;
      const env = environmentWith({ 'page.njk': source });
      return { side: () => sent(env.render('page.njk', context)) };
    },
  },
];
