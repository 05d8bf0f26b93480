import { resolve } from 'node:path';
import type { ExaminedTemplate } from '../../template/examine.ts';
import { badOption } from '../../util/check-option.ts';
import { ExitCode } from '../exit-code.ts';
import { type FragmentFacts, factsOf } from '../explain/fragment-facts.ts';
import { type Io, printable, stylist, widthOf, wrap } from '../io.ts';
import { kindOf } from '../paths.ts';
import {
  checkFolders,
  configuredEnvironment,
  findName,
  plainEnvironment,
  type SiteEnvironment,
} from '../site-environment.ts';

export interface ExplainOptions {
  readonly config?: string;
  /** Folder with the templates, unless there is a `config`. */
  readonly templates: string;
  readonly json?: boolean;
}

/** Most templates that are followed from one page. */
const MAX_TEMPLATES = 1_000;
/** Characters before the second column. */
const INDENT = 18;

/** Tells of each fragment of a page, and of what it includes, what it is made of. */
export async function explain(page: string, options: ExplainOptions, io: Io): Promise<ExitCode> {
  const { config, templates: folder, json } = options;
  const site =
    config === undefined
      ? await plainEnvironment(checkFolders([folder], io.cwd))
      : await configuredEnvironment(config, io.cwd);
  const path = resolve(io.cwd, page);
  const name = kindOf(path) === 'file' ? findName(path, site) : undefined;
  const templates = await templatesOf(name ?? page, site);
  const fragments = templates.flatMap((template) => factsOf(template, site.env));
  if (json === true)
    io.stdout.write(`${JSON.stringify({ templates: templates.map(({ name }) => name), fragments }, null, 2)}\n`);
  else print(fragments, templates.length, io);
  if (templates.length >= MAX_TEMPLATES)
    io.stderr.write(`no more than ${MAX_TEMPLATES} templates are followed from a page: there may be others\n`);
  const faulty = templates.filter(({ faults }) => faults.length > 0);
  for (const { name, faults } of faulty) {
    io.stderr.write(`${wrap(`${name}:${faults[0]?.at.line} ${faults[0]?.message}`, widthOf(io.stderr), '')}\n`);
  }
  return faulty.length === 0 ? ExitCode.fine : ExitCode.findings;
}

/** Returns a template and all that it and they name in their text, each once. */
async function templatesOf(page: string, { examiner }: SiteEnvironment): Promise<readonly ExaminedTemplate[]> {
  const first = await examiner.template(page).catch((error: Error) => {
    throw badOption('the page', 'a template that the environment can load', `an error: ${error.message}`, {
      cause: error,
    });
  });
  const examined = new Map<string, ExaminedTemplate>([[first.name, first]]);
  for (const { parsed, path } of examined.values()) {
    for (const reference of parsed?.analysis.facts.references ?? []) {
      if (examined.size >= MAX_TEMPLATES) break;
      // One that is missing is left out: it may stand there with `ignore missing`.
      const found = await examiner.template(reference, path).catch(() => undefined);
      if (found !== undefined && !examined.has(found.name)) examined.set(found.name, found);
    }
  }
  return [...examined.values()];
}

function print(fragments: readonly FragmentFacts[], templates: number, { stdout, env }: Io): void {
  const style = stylist(stdout, env);
  for (const fragment of fragments) {
    const place = style('bold', printable(`${fragment.template}:${fragment.line}`));
    stdout.write(`${place}  ${style('cyan', printable(`{% ${fragment.tag.replace(/\s+/g, ' ')} %}`))}\n`);
    for (const [label, texts] of rowsOf(fragment)) {
      if (texts.length === 0) continue;
      const text = wrap(texts.join(', '), widthOf(stdout), ' '.repeat(INDENT)).slice(INDENT);
      stdout.write(`  ${style('dim', label.padEnd(INDENT - 4))}  ${text}\n`);
    }
    stdout.write('\n');
  }
  const found =
    fragments.length === 0 ? 'no fragment' : `${fragments.length} fragment${fragments.length === 1 ? '' : 's'}`;
  stdout.write(`${found} in ${templates} template${templates === 1 ? '' : 's'}\n`);
}

function rowsOf(fragment: FragmentFacts): readonly (readonly [label: string, texts: readonly string[]])[] {
  const keywords = Object.entries(fragment.keywords).map(([name, text]) => `${name}=${text}`);
  return [
    ['model', [fragment.model]],
    ['ttl', [fragment.ttl]],
    ['keys', fragment.keys],
    ['with', keywords],
    ['tokens', fragment.names],
    ['depends', fragment.depends],
    ['below models', fragment.belowModels],
    ['compared', fragment.compared],
    ['calls', fragment.calls],
    ['helpers', fragment.helpers],
    ['includes', fragment.includes],
    ...fragment.holes.map(
      ({ line, reads }) => [`hole, line ${line}`, reads.length === 0 ? ['nothing'] : reads] as const,
    ),
  ];
}
