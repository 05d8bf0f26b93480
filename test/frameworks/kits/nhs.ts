import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { componentPages } from './components.ts';
import { answersPage, type Kind, pathsOf, recipe, type Site, writeViews } from './site.ts';
import { fragment } from './tags.ts';

/** The NHS kit is not in the registry; its components are. Version 8 of the kit asks for Express 5. */
export const NHS_PACKAGES = ['nhsuk-frontend@10.6.1', 'express@5.2.1', 'express-session@1.18.2', 'nunjucks@3.2.4'];

/** A layout that imports all macros, with fragments in it. */
const LAYOUT = `{% extends "nhsuk/template-with-imports.njk" %}
{% block pageTitle %}{{ pageName or serviceName }}{% endblock %}
{% block header %}${fragment('Header', '{{ header({ service: { text: serviceName } }) }}')}{% endblock %}
{% block footer %}${fragment('Footer', '{{ footer({ meta: { items: [{ href: "/", text: serviceName }] } }) }}')}{% endblock %}
`;

const IMPORTED = `{% extends "layouts/main.html" %}
{% block content %}${fragment('Imported', '{{ insetText({ text: serviceName }) }}{{ tag({ text: "New" }) }}')}{% endblock %}
`;

/** Writes a site that is laid out as the NHS kit is, with the lines of the recipe in front. */
export function writeNhs(folder: string, modules: string, kind: Kind): Site {
  const components = componentPages(
    join(modules, 'nhsuk-frontend/dist/nhsuk/components'),
    'nhsuk/components',
    kind.args,
  );
  const views: Record<string, string> = {
    'layouts/main.html': LAYOUT,
    'index.html': IMPORTED,
    'answers.html': answersPage({ macro: 'radios', file: 'nhsuk/components/radios/macro.njk' }, kind.args),
  };
  for (const [name, page] of Object.entries(components)) views[`components/${name}.html`] = page;
  mkdirSync(folder);
  symlinkSync(modules, join(folder, 'node_modules'));
  copyFileSync(fileURLToPath(new URL('nhs-kit.cjs', import.meta.url)), join(folder, 'kit.cjs'));
  writeViews(join(folder, 'app/views'), views, kind);
  const start =
    "require('./kit.cjs').init({ serviceName: 'Service', viewsPath: ['app/views'] }).then((kit) => kit.start());";
  const code =
    kind.options === undefined
      ? start
      : recipe('NHS prototype kit', kind.options).replace("'nhsuk-prototype-kit'", "'./kit.cjs'");
  writeFileSync(
    join(folder, 'app.cjs'),
    code.replace('  prototype.start', '  prototype.control(sweeper);\n  prototype.start'),
  );
  return { folder, command: [join(folder, 'app.cjs')], paths: [...pathsOf(views), '/no-such-page'] };
}

/** Where an installed package says its version. */
export const versionOf = (modules: string, name: string): string =>
  JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8')).version;
