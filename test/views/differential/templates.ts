import nunjucks from 'nunjucks';
import type { CacheSweeper } from 'nunjucks-cachesweeper';
import { ObjectLoader } from '../../support/loaders.ts';
import type { Program, TemplatePart } from './program.ts';

/** The page of a program, in an environment of its own in which the sweeper is installed. */
export function environmentOf({ answer }: Program, sweeper: CacheSweeper): nunjucks.Environment {
  const templates: Record<string, string> = {};
  templates['page.njk'] = answer.template.map((part, i) => shownPart(part, i, templates)).join('\n');
  const env = new nunjucks.Environment(new ObjectLoader(templates), { autoescape: true });
  sweeper.install(env);
  return env;
}

function shownPart({ variable, form, depth }: TemplatePart, i: number, templates: Record<string, string>): string {
  const body = `${variable}: ${FORMS[form](variable)}`;
  const inFragment = (inner: string, key: string) =>
    `{% cachesweeper "Thing" 300 "${key}" %}${inner}{% endcachesweeper %}`;
  if (depth === 0) return body;
  if (depth === 1) return inFragment(body, `f${i}`);
  if (depth === 2) return inFragment(`outer ${inFragment(body, `f${i}`)}`, `o${i}`);
  templates[`part${i}.njk`] = inFragment(body, `f${i}`);
  return `{% include "part${i}.njk" %}`;
}

const FORMS: Readonly<Record<TemplatePart['form'], (name: string) => string>> = {
  print: (name) => `{{ ${name} }}`,
  if: (name) => `{% if ${name} %}there{% else %}missing{% endif %}`,
  field: (name) => `{{ ${name}.value }}`,
  loop: (name) => `{% for one in ${name} %}{{ one }},{% endfor %}`,
  dump: (name) => `{{ ${name} | dump }}`,
  call: (name) => `{% if ${name} and ${name} is callable %}{{ ${name}() }}{% endif %}`,
};
