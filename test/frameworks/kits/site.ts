import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { blocksOf } from '../../docs/code-blocks.ts';
import { fragment, untagged } from './tags.ts';

export interface Site {
  readonly folder: string;
  /** What starts it in that folder, behind `node`. */
  readonly command: readonly string[];
  /** Paths of all its pages. */
  readonly paths: readonly string[];
}

export interface Kind {
  /** Options of the sweeper, as source in front of those of the recipe; undefined for a site without a sweeper, and without tags. */
  readonly options: string | undefined;
  /** Arguments of the tags around what a visitor answered. */
  readonly args: string;
}

/** The lines that a recipe has a user write, with more options. */
export function recipe(section: string, options: string): string {
  const block = blocksOf('docs/recipes.md').find((one) => one.section === section && one.language === 'js');
  return block!.code.replace(/new CacheSweeper\(\{ (.*) \}\)/, `new CacheSweeper({ $1, ${options} })`);
}

export function writeViews(folder: string, views: Readonly<Record<string, string>>, { options }: Kind): void {
  for (const [name, source] of Object.entries(views)) {
    const file = join(folder, name);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, options === undefined ? untagged(source) : source);
  }
}

/** The paths at which a kit shows the views that are pages. */
export const pathsOf = (views: Readonly<Record<string, string>>): string[] =>
  Object.keys(views)
    .filter((name) => !/^(?:layouts|views)\//.test(name))
    .map((name) => `/${name.replace(/(?:(?:^|\/)index)?\.html$/, '')}`);

/** A page as prototypes write them: answers in text, conditions, loops and `checked()`. */
export function answersPage({ macro, file }: { macro: string; file: string }, args: string): string {
  const bodies = {
    Name: "<p>{{ data['name'] }}</p>",
    Nested: `<p>{{ data.address.town }}</p>${fragment('Inner', `<i>{{ checked("['address']['town']", "Leeds") }}</i>`, args)}`,
    Checked: '<input value="tea" {{ checked("drinks", "tea") }}><input value="milk" {{ checked("drinks", "milk") }}>',
    Loop: '{% for drink in data.drinks %}<b>{{ drink }}</b>{% endfor %}',
    If: "{% if data['answer'] == 'yes' %}You said yes.{% else %}You did not.{% endif %}",
    Macro: `{{ ${macro}({ name: 'answer', value: data['answer'], items: [{ value: 'yes', text: 'Yes' }, { value: 'no', text: 'No' }] }) }}`,
  };
  const fragments = Object.entries(bodies).map(([name, body]) => fragment(name, body, args));
  const shared = fragment('Shared', `{{ ${macro}({ name: 'shared', items: [{ value: 1, text: serviceName }] }) }}`);
  return `{% extends "layouts/main.html" %}
{% from "${file}" import ${macro} %}
{% block content %}
${[...fragments, shared].join('\n')}
{% endblock %}
`;
}
