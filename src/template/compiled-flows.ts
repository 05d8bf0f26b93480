import {
  asMentioned,
  CAPTURED,
  calling,
  exported,
  type Flow,
  type Flows,
  isName,
  PARAMETERS,
  RETURNED,
} from './flows.ts';

/*
 * The flows of a precompiled template, line by line: the compiler writes each expression on one line (but for the content
 * of call blocks and tags), its own variables as `t_1`, `hole_1` and `macro_t_1`, and parameters as `l_name`. All that
 * stands on a line may be in what the line gives a value to. Texts are taken out first: what is written in a template is no code.
 */

const NAME = '[\\w$\\u0080-\\uffff]+';
const VARIABLE = /\b((?:t|hole)_\d+)\b/g;
const MACRO = /\bmacro_t_\d+\b/;
const PARAMETER = new RegExp(`\\bl_(${NAME})`, 'g');
const LOOKUP = /(runtime\.memberLookup\(\()?runtime\.contextOrFrameLookup\(context, frame, "(\d+)"\)/g;
const ASSIGNED = /\b((?:t|hole)_\d+) = (?!=)/g;
/** A buffer gets more text: it is no variable of the template. */
const ADDED = /\b(?:t|hole|output)(?:_\d+)? \+= /g;
const LOOPED = /\bfor\(var (t_\d+) in /g;
/** The variables of an asynchronous loop are written as they are called. */
const EACH = /\bruntime\.async(?:Each|All)\(t_\d+, \d+, function\(([^)]*)\) \{/;
const NAMED = /\b(?:frame\.set|context\.setVariable)\("(\d+)", (?!macro_t_)/g;
const DEFINED = /\b(?:frame\.set|context\.setVariable)\("(\d+)", macro_t_\d+/g;
const MAKING = /\bvar macro_t_\d+ = runtime\.makeMacro\(/g;
const PASSED = /\bframe\.set\("(\d+)", l_/g;
const BY_DEFAULT = /\bframe\.set\("(\d+)", Object\.prototype\.hasOwnProperty\.call\(kwargs, /g;
/** What is called back with; the first is an error. */
const CALLED_BACK = /\bfunction\(t_\d+,((?:t|hole)_\d+)\) \{/g;
const IMPORTED = [
  /\.getExported\((?:context\.getVariables\(\), frame, )?function\(t_\d+,(t_\d+)\) \{/g,
  /\bvar (t_\d+) = t_\d+\.[^;]/g,
];
/** A function, or a method of a variable: that it is called does not pass it. */
const CALLEE = new RegExp(
  `\\bruntime\\.callWrap\\((?:runtime\\.memberLookup\\(\\()?(?:\\w+_\\d+|l_${NAME}|runtime\\.contextOrFrameLookup\\(context, frame, "\\d+"\\))(?:\\),"\\d+"\\))?, `,
  'g',
);
/** As the compiler shows in errors what is called: `show`, `list["push"]`, `--expression--["push"]`. */
const CALLED = /"(\d+)", context, \[/g;
/** What stands in front of a division, and of no regular expression. */
const DIVIDED = /[\w$)\]"] ?$|^ $/;
const METHOD_OF = new RegExp(`^(${NAME})\\[`);

/** @param code all of a template's functions */
export function findCompiledFlows(code: string): Flows {
  const { text, texts } = withoutTexts(code);
  const loops = text.split('\n').flatMap((line) => loopNames(line));
  const lines = text.split('\n').map((line) => readLine(line, texts, loops));
  const imported = new Set(lines.flatMap((line) => line.imported));
  const isImport = ({ from }: Line) => from.size > 0 && [...from].every((one) => imported.has(one));
  const imports = new Set(lines.filter(isImport).flatMap(({ names }) => names));
  const origins = originsOf(lines, imported);
  const named = (from: Iterable<string>) => [...from].flatMap((one) => [...(origins.get(one) ?? [one])]);
  const moves: Flow[] = [{ from: [CAPTURED], to: [...imports].flatMap((name) => [calling(name), exported(name)]) }];
  const keeps: Flow[] = [];
  for (const line of lines) {
    const passed = named(line.passed);
    moves.push(
      { from: isImport(line) ? [] : named(line.from), to: line.names },
      { from: [PARAMETERS], to: line.parameters },
      { from: passed, to: [PARAMETERS] },
      { from: [CAPTURED], to: line.definitions.map(calling) },
    );
    keeps.push({ from: passed, to: named(line.receivers).filter((name) => !imports.has(name) && isName(name)) });
  }
  return { moves, keeps, imports };
}

/** Code in which each text is the number of one in a list, without regular expressions. In one walk: a text may be megabytes. */
function withoutTexts(code: string): { readonly text: string; readonly texts: readonly string[] } {
  const numbers = new Map<string, number>();
  const parts: string[] = [];
  const delimiters = /["/]/g;
  let at = 0;
  for (let found = delimiters.exec(code); found !== null; found = delimiters.exec(code)) {
    const [delimiter] = found;
    const start = found.index;
    if (delimiter === '/' && DIVIDED.test(code.slice(Math.max(at, start - 2), start))) continue;
    let end = start + 1;
    while (end < code.length && code[end] !== delimiter && code[end] !== '\n') end += code[end] === '\\' ? 2 : 1;
    parts.push(code.slice(at, start));
    at = code[end] === '\n' ? end : end + 1;
    delimiters.lastIndex = at;
    if (delimiter === '/') continue;
    const text = code.slice(start + 1, end);
    const number = numbers.get(text) ?? numbers.size;
    numbers.set(text, number);
    parts.push(`"${number}"`);
  }
  parts.push(code.slice(at));
  return { text: parts.join(''), texts: [...numbers.keys()].map((text) => text.replaceAll('\\"', '"')) };
}

function loopNames(line: string): readonly string[] {
  const [, names] = EACH.exec(line) ?? [];
  return names === undefined ? [] : names.split(',').filter((name) => name !== 'next' && !/^t_\d+$/.test(name));
}

/** One line of compiled code. The compiler's variables are written `=t_1` here, so that none is taken for a name. */
interface Line {
  /** All that it mentions. */
  readonly from: ReadonlySet<string>;
  /** The compiler's variables, and the template's names, to which it gives a value. */
  readonly variables: readonly string[];
  readonly names: readonly string[];
  readonly parameters: readonly string[];
  readonly definitions: readonly string[];
  /** Variables that are imports. */
  readonly imported: readonly string[];
  /** What is, or may be, passed to functions. */
  readonly passed: ReadonlySet<string>;
  /** Whose methods are called. */
  readonly receivers: readonly string[];
}

/** @param loops variables of asynchronous loops anywhere in the template */
function readLine(line: string, texts: readonly string[], loops: readonly string[]): Line {
  const all = (pattern: RegExp, text = line) => [...text.matchAll(pattern)].map(([, name]) => name as string);
  const named = (pattern: RegExp) => all(pattern).map((number) => texts[Number(number)] as string);
  const variables = (patterns: readonly RegExp[], text = line) =>
    patterns.flatMap((pattern) => all(pattern, text)).map((name) => `=${name}`);
  const calls = line.split('runtime.callWrap(').length - 1;
  const mentionedIn = (text: string): Set<string> => {
    const found = new Set(variables([VARIABLE], text));
    const add = (name: string, mayBeMacro: boolean) => {
      for (const one of asMentioned(name, mayBeMacro)) found.add(one);
      if (name === 'caller') found.add(CAPTURED);
    };
    for (const name of all(PARAMETER, text)) add(name, true);
    for (const [, into, number] of text.matchAll(LOOKUP)) add(texts[Number(number)] as string, !into || calls > 0);
    for (const name of loops) if (hasWord(text, name)) add(name, true);
    if (MACRO.test(text)) found.add(CAPTURED);
    return found;
  };
  // A variable that only gets its value here is not mentioned.
  const rest = [ASSIGNED, ADDED, LOOPED, CALLED_BACK, DEFINED, MAKING].reduce((text, by) => text.replace(by, ''), line);
  const from = mentionedIn(rest);
  const receivers = named(CALLED).flatMap((callee) => receiversOf(callee, from));
  // Of several calls one may be passed what another returned.
  const passed = calls === 0 ? new Set<string>() : mentionedIn(calls === 1 ? rest.replace(CALLEE, '') : rest);
  const isFiltered = line.includes('env.getFilter(');
  if (calls > 0 || isFiltered) from.add(RETURNED);
  if (calls > 1 || (calls > 0 && isFiltered)) passed.add(RETURNED);
  // Html is made where the value is a block, or the parent's.
  if (line.includes('= (function() {') || line.includes('context.getSuper(')) from.add(CAPTURED);
  const asks = line.includes('env.getTemplate(') || line.includes('.getExported(');
  return {
    from,
    variables: variables(asks ? [ASSIGNED] : [ASSIGNED, LOOPED, CALLED_BACK]),
    names: [...named(NAMED), ...loopNames(line)],
    parameters: [...named(PASSED), ...named(BY_DEFAULT)],
    definitions: named(DEFINED),
    imported: variables(IMPORTED),
    passed,
    receivers,
  };
}

function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at !== -1; at = text.indexOf(word, at + 1)) {
    if (!/[\w$"]/.test(text.charAt(at - 1)) && !/[\w$"]/.test(text.charAt(at + word.length))) return true;
  }
  return false;
}

function receiversOf(callee: string, mentioned: ReadonlySet<string>): readonly string[] {
  if (!callee.includes('[')) return [];
  const [, name] = METHOD_OF.exec(callee) ?? [];
  return name === undefined ? [...mentioned] : [name];
}

/** What the value of each of the compiler's variables may be made from; what was imported may be, or hold, anything. */
function originsOf(lines: readonly Line[], imported: ReadonlySet<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const origins = new Map<string, Set<string>>();
  for (const { from, variables } of lines) {
    for (const one of [...from, ...variables]) {
      if (one.startsWith('=')) origins.set(one, new Set(imported.has(one) ? [CAPTURED] : []));
    }
  }
  for (let before = -1, size = 0; before < size; ) {
    before = size;
    for (const { from, variables } of lines) {
      const made = new Set([...from].flatMap((one) => [...(origins.get(one) ?? [one])]));
      for (const variable of variables) for (const origin of made) origins.get(variable)?.add(origin);
    }
    size = [...origins.values()].reduce((sum, found) => sum + found.size, 0);
  }
  return origins;
}
