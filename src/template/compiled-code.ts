import type { TemplateAnalysis } from './analysis.ts';
import { findCompiledFlows } from './compiled-flows.ts';
import type { CompiledCode } from './nunjucks.ts';
import { noUses, type Uses } from './uses.ts';

/*
 * Precompiled templates have no source. What they name and read is found in the code that Nunjucks' compiler wrote,
 * whose forms are few and fixed; where it tells less than a source would, more is assumed to be read.
 */

const GET_TEMPLATE = /\benv\.getTemplate\(("(?:[^"\\]|\\.)*"|[^\n]*?), (true|false), /g;
/** Nothing but a text: `"a" + b` is chosen at run time. */
const LITERAL = /^"(?:[^"\\]|\\.)*"$/;
const LOOKUP = /\bruntime\.contextOrFrameLookup\(context, frame, "([^"]+)"\)/g;
const SUPER = /\bcontext\.getSuper\(env, "([^"]+)"/g;
const NOWHERE = { line: 1, column: 1 };

/** All the code of a precompiled template, for its digest. */
export function codeText(code: CompiledCode): string {
  return (
    Object.keys(code)
      .sort()
      .map((name) => `${name}=${String(code[name])}`)
      .join('\n')
      // Numbered by a counter of the process that precompiled it.
      .replace(/\bhole_\d+\b/g, 'hole')
  );
}

export function analyseCode(code: CompiledCode): TemplateAnalysis {
  const references = new Set<string>();
  const blocks = new Map<string, Uses>();
  const page = noUses();
  let parent: string | undefined;
  for (const [name, body] of Object.entries(code)) {
    for (const { template, eager } of templates(String(body))) {
      if (template !== undefined) references.add(template);
      // Only `extends` asks for its template to be compiled at once.
      if (eager) parent = template;
    }
    if (name.startsWith('b_')) blocks.set(name.slice(2), noUses());
  }
  for (const [name, body] of Object.entries(code)) {
    const uses = functionUses(String(body), parent);
    for (const into of [page, name.startsWith('b_') ? blocks.get(name.slice(2)) : undefined]) {
      if (into === undefined) continue;
      into.names.push(...uses.names);
      into.templates.push(...uses.templates);
      into.dynamic ||= uses.dynamic;
    }
  }
  return {
    references: [...references],
    page,
    blocks,
    parent,
    definitions: new Set(),
    flows: findCompiledFlows(Object.values(code).map(String).join('\n')),
    fragments: [],
  };
}

function functionUses(body: string, parent: string | undefined): Uses {
  const uses = noUses();
  for (const [, name] of body.matchAll(LOOKUP)) uses.names.push({ path: [name as string], at: NOWHERE });
  for (const { template } of templates(body)) {
    if (template === undefined) uses.dynamic = true;
    else uses.templates.push({ template, block: undefined, bound: [], isImported: false, at: NOWHERE });
  }
  for (const [, block] of body.matchAll(SUPER)) {
    if (parent === undefined) uses.dynamic = true;
    else uses.templates.push({ template: parent, block, bound: [], isImported: false, at: NOWHERE });
  }
  return uses;
}

function* templates(body: string): Generator<{ readonly template: string | undefined; readonly eager: boolean }> {
  for (const [, expression, eager] of body.matchAll(GET_TEMPLATE)) {
    const written = expression as string;
    yield { template: LITERAL.test(written) ? JSON.parse(written) : undefined, eager: eager === 'true' };
  }
}
