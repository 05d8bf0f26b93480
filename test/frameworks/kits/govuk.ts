import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { componentPages } from './components.ts';
import { answersPage, type Kind, pathsOf, recipe, type Site, writeViews } from './site.ts';
import { fragment, tagged } from './tags.ts';

/** What is installed: the kit, what its `create` installs beside it, and its other plugins with templates. */
export const PACKAGES = [
  'govuk-prototype-kit@13.20.3',
  'govuk-frontend@6.6.0',
  '@govuk-prototype-kit/common-templates@3.0.1',
  '@govuk-prototype-kit/step-by-step@2.2.4',
  '@govuk-prototype-kit/task-list@2.0.0',
];
const PLUGINS = ['common-templates', 'step-by-step', 'task-list'];

/** Lines behind those of the recipe: what the test asks of the sweeper. */
const CONTROL = `
router.get('/-bump', (_req, res, next) => sweeper.invalidateAll().then(() => res.send('bumped'), next));
router.get('/-stats', (_req, res) => res.send(sweeper.stats()));
`;

/** Pages of "Manage your prototype"; those that ask the registry of npm are left out, it answers differently each time. */
const MANAGEMENT = ['', '/clear-data', '/password', '/templates', '/templates/post-install?chosen-url=/a'].map(
  (path) => `/manage-prototype${path}`,
);

const templatesOf = (modules: string, plugin: string): string[] =>
  readdirSync(join(modules, '@govuk-prototype-kit', plugin, 'templates'));

/** Previews, one of each plugin: the kit makes an environment for each, which watches all folders of templates for ever. */
const previews = (modules: string): string[] =>
  PLUGINS.flatMap((plugin) =>
    templatesOf(modules, plugin)
      .slice(0, 1)
      .flatMap((name) =>
        ['view', 'install'].map(
          (action) =>
            `/manage-prototype/templates/${action}?package=@govuk-prototype-kit/${plugin}&template=/templates/${name}`,
        ),
      ),
  );

/** A layout with fragments around the kit's own header and footer, and a macro that pages use without importing it. */
const LAYOUT = `{% extends "govuk-prototype-kit/layouts/govuk-branded.njk" %}
{% from "govuk/components/phase-banner/macro.njk" import govukPhaseBanner %}
{% block header %}${fragment('Header', '{{ super() }}')}{% endblock %}
{% block stylesheets %}${fragment('Styles', '{% include "govuk-prototype-kit/includes/stylesheets.njk" %}')}{% endblock %}
{% block beforeContent %}
${fragment('Banner', '{{ govukPhaseBanner({ tag: { text: "Alpha" }, html: "for " + serviceName }) }}')}
{% endblock %}
{% block footer %}${fragment('Footer', '{{ super() }}')}{% endblock %}
`;

const IMPORTED = `{% extends "layouts/main.html" %}
{% block content %}${fragment('Imported', '{{ govukPhaseBanner({ tag: { text: "Page" }, html: pageName or serviceName }) }}')}{% endblock %}
`;

const BROKEN = `{% extends "layouts/main.html" %}
{% block content %}${fragment('Broken', '\n{{ nothing.at.all() }}')}{% endblock %}
`;

/** All pages of a site: its own, the kit's, the plugins' and one for each component. */
function viewsOf(modules: string, args: string): Record<string, string> {
  const radios = { macro: 'govukRadios', file: 'govuk/components/radios/macro.njk' };
  const views: Record<string, string> = {
    'layouts/main.html': LAYOUT,
    'answers.html': answersPage(radios, args),
    'imported.html': IMPORTED,
    'broken.html': BROKEN,
    'folder/index.html': answersPage(radios, args),
  };
  const kit = join(modules, 'govuk-prototype-kit');
  views['index.html'] = tagged(readFileSync(join(kit, 'prototype-starter/app/views/index.html'), 'utf8'));
  // The app's views come before the kit's: this is how a prototype has error pages of its own.
  for (const name of ['error-handling/page-not-found.njk', 'error-handling/server-error.njk', 'backup-homepage.njk']) {
    views[`views/${name}`] = tagged(readFileSync(join(kit, 'lib/nunjucks/views', name), 'utf8'));
  }
  for (const plugin of PLUGINS) {
    const folder = join(modules, '@govuk-prototype-kit', plugin, 'templates');
    for (const name of templatesOf(modules, plugin)) {
      views[`${plugin}/${name}`] = tagged(readFileSync(join(folder, name), 'utf8'));
    }
  }
  const components = componentPages(join(modules, 'govuk-frontend/dist/govuk/components'), 'govuk/components', args);
  for (const [name, page] of Object.entries(components)) views[`components/${name}.html`] = page;
  return views;
}

/** Writes a prototype as `govuk-prototype-kit create` does, with all pages in it. */
export function writeGovuk(folder: string, modules: string, kind: Kind): Site {
  const starter = join(modules, 'govuk-prototype-kit/prototype-starter');
  mkdirSync(folder);
  cpSync(starter, folder, { recursive: true });
  cpSync(join(dirname(modules), 'package.json'), join(folder, 'package.json'));
  symlinkSync(modules, join(folder, 'node_modules'));
  const views = viewsOf(modules, kind.args);
  writeViews(join(folder, 'app/views'), views, kind);
  if (kind.options !== undefined) {
    writeFileSync(join(folder, 'app/routes.js'), recipe('GOV.UK Prototype Kit', kind.options) + CONTROL);
  }
  return {
    folder,
    command: [join(modules, 'govuk-prototype-kit/bin/cli'), 'serve'],
    paths: [...pathsOf(views), ...MANAGEMENT, ...previews(modules), '/no-such-page'],
  };
}
