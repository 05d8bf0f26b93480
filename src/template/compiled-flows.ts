import { CAPTURED, calling, exported, type Flow, type Flows, isName, PARAMETERS, RETURNED } from './flows.ts';

/*
 * The flows of a precompiled template, line by line: the compiler writes each expression on one line (but for the content
 * of call blocks and tags), and its own variables as `t_1` and `hole_1`, parameters as `l_name`. All that stands on a line
 * may be in what the line gives a value to, and whatever a function returned may be captured.
 */

const VARIABLE = /\b((?:t|hole)_\d+)\b/g;
const PARAMETER = /\bl_(\w+)/g;
const LOOKUP = /\bruntime\.contextOrFrameLookup\(context, frame, "([^"]+)"\)/g;
const ASSIGNED = /\b((?:t|hole)_\d+) = (?!=)/g;
/** A buffer gets more text: it is no variable of the template. */
const ADDED = /\b(?:t|hole|output)(?:_\d+)? \+= /g;
const LOOPED = /\bfor\(var (t_\d+) in /g;
const NAMED = /\b(?:frame\.set|context\.setVariable)\("([^"]+)", (?!macro_t_)/g;
const DEFINED = /\b(?:frame\.set|context\.setVariable)\("([^"]+)", macro_t_/g;
const PASSED = /\bframe\.set\("([^"]+)", l_/g;
const BY_DEFAULT = /\bframe\.set\("([^"]+)", Object\.prototype\.hasOwnProperty\.call\(kwargs, /g;
/** What is called back with; the first is an error. */
const CALLED_BACK = /\bfunction\(t_\d+,((?:t|hole)_\d+)\) \{/g;
const IMPORTED = [
  /\.getExported\((?:context\.getVariables\(\), frame, )?function\(t_\d+,(t_\d+)\) \{/g,
  /\bvar (t_\d+) = t_\d+\.\w/g,
];
/** A function, or a method of a variable: that it is called does not pass it. */
const CALLEE =
  /\bruntime\.callWrap\((?:runtime\.memberLookup\(\()?(?:\w+_\d+|l_\w+|runtime\.contextOrFrameLookup\(context, frame, "[^"]+"\))(?:\),"[^"]*"\))?, /g;
/** As the compiler shows in errors what is called: `show`, `list["push"]`, `--expression--["push"]`. */
const CALLED = /"((?:[^"\\]|\\.)*)", context, \[/g;
const METHOD_OF = /^([A-Za-z_$][\w$]*)\[/;

/** @param code all of a template's functions */
export function findCompiledFlows(code: string): Flows {
  const lines = code.split('\n').map(readLine);
  const imported = new Set(lines.flatMap((line) => line.imported));
  const isImport = ({ from }: Line) => from.size > 0 && [...from].every((one) => imported.has(one));
  const imports = new Set(lines.filter(isImport).flatMap(({ names }) => names));
  const origins = originsOf(lines, imported);
  const named = (from: Iterable<string>) => [...from].flatMap((one) => [...(origins.get(one) ?? asMentioned(one))]);
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

function readLine(line: string): Line {
  const all = (pattern: RegExp, text = line) => [...text.matchAll(pattern)].map(([, name]) => name as string);
  const variables = (patterns: readonly RegExp[], text = line) =>
    patterns.flatMap((pattern) => all(pattern, text)).map((name) => `=${name}`);
  // A variable that only gets its value here is not mentioned.
  const rest = [ASSIGNED, ADDED, LOOPED, CALLED_BACK].reduce((text, pattern) => text.replace(pattern, ''), line);
  const mentionedIn = (text: string) => [...variables([VARIABLE], text), ...all(PARAMETER, text), ...all(LOOKUP, text)];
  const mentioned = mentionedIn(rest);
  const calls = line.split('runtime.callWrap(').length - 1;
  const isFiltered = line.includes('env.getFilter(');
  const isCapture = line.includes('= (function() {') || line.includes('context.getSuper(');
  const byDefault = all(BY_DEFAULT);
  const from = new Set(mentioned);
  if (calls > 0 || isCapture) from.add(CAPTURED);
  if (calls > 0 || isFiltered) from.add(RETURNED);
  const passed = new Set(calls > 0 ? mentionedIn(rest.replace(CALLEE, '')) : []);
  // What one function returned is passed to another, or may be.
  if (calls > 1 || (calls > 0 && byDefault.length > 0)) passed.add(CAPTURED);
  if (calls > 1 || (calls > 0 && isFiltered)) passed.add(RETURNED);
  const asks = line.includes('env.getTemplate(') || line.includes('.getExported(');
  return {
    from,
    variables: variables(asks ? [ASSIGNED] : [ASSIGNED, LOOPED, CALLED_BACK]),
    names: all(NAMED),
    parameters: [...all(PASSED), ...byDefault],
    definitions: all(DEFINED),
    imported: variables(IMPORTED),
    passed,
    receivers: all(CALLED).flatMap((callee) => receiversOf(callee, mentioned)),
  };
}

function receiversOf(callee: string, mentioned: readonly string[]): readonly string[] {
  if (!callee.includes('[')) return [];
  const [, name] = METHOD_OF.exec(callee) ?? [];
  return name === undefined ? mentioned : [name];
}

function asMentioned(one: string): readonly string[] {
  return isName(one) ? [one, exported(one)] : [one];
}

/** What the value of each of the compiler's variables may be made from; what was imported may be, or hold, anything. */
function originsOf(lines: readonly Line[], imported: ReadonlySet<string>): ReadonlyMap<string, ReadonlySet<string>> {
  const origins = new Map<string, Set<string>>();
  for (const { from, variables } of lines) {
    for (const one of [...from, ...variables])
      if (one.startsWith('=')) origins.set(one, new Set(imported.has(one) ? [CAPTURED] : []));
  }
  for (let before = -1, size = 0; before < size; ) {
    before = size;
    for (const { from, variables } of lines) {
      const made = new Set([...from].flatMap((one) => [...(origins.get(one) ?? asMentioned(one))]));
      for (const variable of variables) for (const origin of made) origins.get(variable)?.add(origin);
    }
    size = [...origins.values()].reduce((sum, found) => sum + found.size, 0);
  }
  return origins;
}
