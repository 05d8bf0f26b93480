import type { Presence } from './atom.ts';
import type { ReadNode } from './shape.ts';

/** Ends the elements of a list. */
export const END = ';';

/**
 * Compares what stands below a model with a text, from a place in it on; returns the place behind, or -1.
 */
export type MatchPresences = (value: object, text: string, at: number, presence: Presence) => number;

const made = new WeakMap<ReadNode, MatchPresences | null>();

/**
 * A function that compares what was read below a model, written for one shape: V8 then knows the shape of the objects at each
 * place, and a hit takes a quarter of the time. Undefined where there is none: the values are looked at one by one then.
 */
export function matcherFor(node: ReadNode): MatchPresences | undefined {
  let match = made.get(node);
  if (match === undefined) {
    match = compile(node) ?? null;
    made.set(node, match);
  }
  return match ?? undefined;
}

/** Only such names are written into code. */
const IDENTIFIER = /^[A-Za-z_$][\w$]{0,63}$/;

function compile(node: ReadNode): MatchPresences | undefined {
  if (!isSimple(node)) return undefined;
  try {
    return new Function('v', 't', 'n', 'p', `${lines(node, 'v', 0)}return n;`) as MatchPresences;
  } catch {
    // Making code may be forbidden in this process.
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
  const code = `if(t.charCodeAt(n++)!==p(${name}))return -1;`;
  if (node.isEnd) return code;
  return `${code}if(typeof ${name}==="object"&&${name}!==null){${lines(node, name, depth)}}`;
}
