import { PRESENT, type Presence } from './atom.ts';
import type { ReadNode } from './read-node.ts';

/** Ends the elements of a list. */
export const END = ';';

/** Compares the values below a model with a text, from an index on; returns the index behind the match, or -1. */
export type MatchPresences = (value: object, text: string, at: number, presence: Presence) => number;

const made = new WeakMap<ReadNode, MatchPresences | null>();

/**
 * Returns a function, generated for this shape, that compares what was read below a model. Each access then has its own
 * place in the code, which V8 optimises: a hit takes a quarter of the time. Returns undefined where code cannot be
 * generated; the values are then compared one by one.
 */
export function matcherFor(node: ReadNode): MatchPresences | undefined {
  let match = made.get(node);
  if (match === undefined) {
    match = compile(node) ?? null;
    made.set(node, match);
  }
  return match ?? undefined;
}

/** Only names of this form are written into code. */
const IDENTIFIER = /^[A-Za-z_$][\w$]{0,63}$/;

function compile(node: ReadNode): MatchPresences | undefined {
  if (!isSimple(node)) return undefined;
  try {
    return new Function('v', 't', 'n', 'p', `${lines(node, 'v', 0)}return n;`) as MatchPresences;
  } catch {
    // The process forbids code from strings, as with --disallow-code-generation-from-strings.
    return undefined;
  }
}

function isSimple({ whole, entries, children, each, context }: ReadNode): boolean {
  if (whole || entries || context !== undefined || (each !== undefined && !isSimple(each))) return false;
  return children.every((child) => child.isData && IDENTIFIER.test(child.step) && isSimple(child));
}

function lines(node: ReadNode, value: string, depth: number): string {
  let code = '';
  node.children.forEach((child, i) => {
    const name = `v${depth}_${i}`;
    code += `const ${name}=${value}.${child.step};${check(child, name, depth + 1)}`;
  });
  if (node.each === undefined) return code;
  const [i, name] = [`i${depth}`, `e${depth}`];
  code += `if(Array.isArray(${value})){for(let ${i}=0;${i}<${value}.length;${i}++){const ${name}=${value}[${i}];`;
  code += `${check(node.each, name, depth + 1)}}if(t.charCodeAt(n++)!==${END.charCodeAt(0)})return -1;}`;
  return code;
}

function check(node: ReadNode, name: string, depth: number): string {
  // Most values are texts and numbers: for these nothing is called.
  const presence = `(typeof ${name}==="string"||typeof ${name}==="number"?${PRESENT}:p(${name}))`;
  const code = `if(t.charCodeAt(n++)!==${presence})return -1;`;
  if (node.isEnd) return code;
  return `${code}if(typeof ${name}==="object"&&${name}!==null){${lines(node, name, depth)}}`;
}
