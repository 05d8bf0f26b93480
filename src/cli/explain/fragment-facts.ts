import { dependencyNames } from '../../model/names.ts';
import { pathText } from '../../reads/path-texts.ts';
import type { WrittenTag } from '../../template/compile/arguments.ts';
import { modelPaths } from '../../template/compile/covered.ts';
import { childNodes, descendants, HOLE, ORDINAL, WRITTEN } from '../../template/compile/syntax.ts';
import { UsesFinder } from '../../template/compile/uses.ts';
import type { ExaminedFragment, ExaminedTemplate, ParsedTemplate } from '../../template/examine.ts';
import type { Environment, Node } from '../../template/nunjucks.ts';
import { leafPaths } from '../leaf-paths.ts';
import { aliasReads } from './alias-reads.ts';

/** What the text of a fragment tells of it. */
export interface FragmentFacts {
  readonly template: string;
  readonly line: number;
  readonly column: number;
  /** The tag as it is written, without its brackets. */
  readonly tag: string;
  /** Its arguments as they are written. */
  readonly model: string;
  readonly ttl: string;
  readonly keys: readonly string[];
  readonly keywords: Readonly<Record<string, string>>;
  /** Names whose tokens decide whether it is valid: `Comment:=id(comment)` stands for that of the row. */
  readonly names: readonly string[];
  /** What `depends` in its body adds, as it is written. */
  readonly depends: readonly string[];
  /** What it reads below its models, whose tokens stand for it. */
  readonly belowModels: readonly string[];
  /** What else it reads, by which entries are told apart. */
  readonly compared: readonly string[];
  /** Functions of the page that it calls: lazies, whose result is not compared, or functions that must be the same on every page. */
  readonly calls: readonly string[];
  /** Globals, filters and tests of the site. */
  readonly helpers: readonly string[];
  /** Templates that it includes or whose macros it uses. */
  readonly includes: readonly string[];
  /** What is rendered for every page in it. */
  readonly holes: readonly { readonly line: number; readonly reads: readonly string[] }[];
}

/** Returns what is known of the fragments of a template, in the order of its text. */
export function factsOf({ name, parsed }: ExaminedTemplate, env: Environment): readonly FragmentFacts[] {
  if (parsed === undefined) return [];
  return parsed.fragments.map((fragment) => {
    const { written } = fragment;
    const { line, column } = written.at;
    const operands = written.texts.slice(0, written.args.operands.length);
    const [model = '', ttl = '', ...keys] = operands;
    return {
      template: name,
      line,
      column,
      tag: written.text,
      model,
      ttl,
      keys,
      keywords: Object.fromEntries(
        [...written.args.keywords.keys()].map((keyword, i) => [
          keyword,
          (written.texts[operands.length + i] ?? '').replace(/^\w+\s*=\s*/, ''),
        ]),
      ),
      names: namesOf(fragment, model),
      depends: dependsOf(fragment.body),
      ...readsOf(fragment, env),
      includes: sorted(fragment.uses.templates.map(({ template }) => template)),
      holes: holesOf(fragment, parsed, env),
    };
  });
}

/** Returns the names that a fragment depends on for its models, with words in the place of what the page decides. */
function namesOf({ written }: ExaminedFragment, text: string): readonly string[] {
  const [model] = written.args.operands;
  const type = written.args.keywords.get('type');
  const told = type?.typename === 'Literal' ? String(type.value) : undefined;
  const parts = model?.typename === 'Array' ? childNodes(model) : model === undefined ? [] : [model];
  return sorted(
    parts.flatMap((part) => {
      if (part.typename === 'Literal' && typeof part.value === 'string' && type === undefined) {
        return dependencyNames({ type: part.value, id: undefined });
      }
      const found = pathOfModel(part) ?? text;
      return dependencyNames({ type: told ?? `type(${found})`, id: `id(${found})` });
    }),
  );
}

/** Returns the arguments of `depends` in a body, but for those in holes and in the fragments inside. */
function dependsOf(node: Node): readonly string[] {
  if (HOLE in node || ORDINAL in node) return [];
  const own = WRITTEN in node ? (node[WRITTEN] as WrittenTag).texts : [];
  return [...own, ...childNodes(node).flatMap(dependsOf)];
}

function pathOfModel(node: Node): string | undefined {
  const [path] = modelPaths(node);
  return path === undefined ? undefined : pathText(path);
}

function readsOf(
  { written, body, reads }: ExaminedFragment,
  env: Environment,
): Pick<FragmentFacts, 'belowModels' | 'compared' | 'calls' | 'helpers'> {
  const helpers: string[] = [];
  for (const node of descendants(body)) {
    if (node.typename === 'Filter') helpers.push(`| ${String((node.name as Node).value)}`);
  }
  const models = written.args.operands[0] === undefined ? [] : modelPaths(written.args.operands[0]);
  const belowModels: string[] = [];
  const compared: string[] = [];
  const calls: string[] = [];
  const sort = (path: readonly string[], isCall: boolean): void => {
    const [name = ''] = path;
    const text = pathText(path);
    if (name in env.globals) helpers.push(isCall ? `${text}()` : text);
    else if (models.some((model) => model.every((step, i) => step === path[i]))) belowModels.push(text);
    else if (isCall) calls.push(`${text}()`);
    else compared.push(text);
  };
  for (const { use, isCall } of reads) sort(use.path, isCall);
  for (const path of aliasReads(body)) sort(path, false);
  return {
    belowModels: leafPaths(belowModels),
    compared: leafPaths(compared),
    calls: sorted(calls),
    helpers: sorted(helpers),
  };
}

function holesOf(
  { body }: ExaminedFragment,
  { root, analysis }: ParsedTemplate,
  env: Environment,
): FragmentFacts['holes'] {
  const finder = new UsesFinder(root, env.asyncFilters);
  return [...descendants(body)].flatMap((node) => {
    const hole = HOLE in node ? analysis.holes[node[HOLE] as number] : undefined;
    if (hole === undefined) return [];
    const passed = node.passed as readonly string[];
    const { names, templates } = finder.ofHole((node.contentArgs as readonly Node[])[0] as Node);
    const read = names.map(({ path }) => path).filter(([name = '']) => !passed.includes(name));
    return [
      { line: hole.at.line, reads: sorted([...read.map(pathText), ...templates.map(({ template }) => template)]) },
    ];
  });
}

function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
