import { readdirSync, readFileSync } from 'node:fs';
import { fragment } from './tags.ts';

type Options = Record<string, unknown>;
interface Fixture {
  readonly name: string;
  readonly options?: Options;
  readonly context?: Options;
}

/** What stands for an expression of the template among the options of an example. */
const expression = (code: string) => `\u0000${code}\u0000`;
// With line breaks: `}}` would end the expression.
const literal = (options: unknown) =>
  JSON.stringify(options, null, 1).replaceAll(/"\\u0000(.*?)\\u0000"/g, (_, code: string) =>
    code.replaceAll('\\"', '"'),
  );

/** The example with what the visitor answered in it: the items chosen by `checked()`, the values from `data`. */
function answered(options: Options): Options {
  const result: Options = { ...options };
  for (const name of ['value', 'text']) if (name in options) result[name] = expression("data['name']");
  if (Array.isArray(options['items'])) {
    result['items'] = options['items'].map((item: Options | null) =>
      typeof item?.['value'] === 'string' ? { ...item, checked: expression("checked('answer', 'yes')") } : item,
    );
  }
  return result;
}

/** The macro that a component's `macro.njk` defines. */
function macroOf(folder: string): string {
  const [, name] = /\{%-? *macro (\w+)\(/.exec(readFileSync(`${folder}/macro.njk`, 'utf8')) ?? [];
  if (name === undefined) throw new Error(`${folder} has no macro`);
  return name;
}

/**
 * A page for each component, which shows all its examples: each as it is, and as the visitor answered it. `answers` are the arguments of
 * the tags around answers.
 */
export function componentPages(folder: string, importPath: string, answers: string): Record<string, string> {
  const pages: Record<string, string> = {};
  for (const component of readdirSync(folder)) {
    let fixtures: readonly Fixture[];
    try {
      ({ fixtures } = JSON.parse(readFileSync(`${folder}/${component}/fixtures.json`, 'utf8')));
    } catch {
      continue;
    }
    const macro = macroOf(`${folder}/${component}`);
    const examples = fixtures.map(({ name, options, context }, index) => {
      const all = context ?? options ?? {};
      return [
        `<h2>${index} ${name.replaceAll(/[{}%#]/g, '')}</h2>`,
        fragment('Example', `{{ ${macro}(${literal(all)}) }}`),
        fragment('Answered', `{{ ${macro}(${literal(answered(all))}) }}`, answers),
      ].join('\n');
    });
    pages[component] =
      `{% extends "layouts/main.html" %}\n{% from "${importPath}/${component}/macro.njk" import ${macro} %}\n` +
      `{% block content %}\n${examples.join('\n')}\n{% endblock %}\n`;
  }
  return pages;
}
