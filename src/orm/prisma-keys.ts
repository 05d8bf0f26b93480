import { keyAttributes } from '../model/known-models.ts';

/** Returns the fields of a model's key, in its order; none if nobody knows them. */
export type KeyFields = (model: string) => readonly string[];

/**
 * Finds the keys of all models in the text of a schema. A client's data model has the fields only, but it carries its
 * schema.
 */
export function keysOfSchema(schema: string): ReadonlyMap<string, readonly string[]> {
  const keys = new Map<string, readonly string[]>();
  for (const [, name = '', body = ''] of schema.matchAll(/^[ \t]*(?:model|view)\s+(\w+)\s*\{([\s\S]*?)^[ \t]*\}/gm)) {
    const code = withoutTexts(body);
    const primary: string[] = [];
    const unique: (readonly string[])[] = [];
    const required = new Set<string>();
    // A list of fields may go over several lines, and stand behind other arguments.
    for (const [, kind, args = ''] of code.matchAll(/@@(id|unique)\s*\(((?:[^()]|\([^()]*\))*)\)/g)) {
      const [, list = ''] = /\[([^\]]*)\]/.exec(args.replace(/\([^()]*\)/g, '')) ?? [];
      const fields = list.match(/\w+/g) ?? [];
      if (kind === 'id') primary.push(...fields);
      else if (fields.length > 0 && !IS_PARTIAL.test(args)) unique.push(fields);
    }
    for (const line of code.split('\n')) {
      const [, field, optional] = /^\s*(\w+)\s+\w+(\?|\[)?/.exec(line) ?? [];
      if (field === undefined) continue;
      if (optional === undefined) required.add(field);
      if (/\s@id\b/.test(line)) primary.push(field);
      else if (/\s@unique\b/.test(line) && !IS_PARTIAL.test(line)) unique.push([field]);
    }
    // Without a primary key Prisma tells rows apart by what is unique and never empty.
    const key = primary.length > 0 ? primary : unique.find((each) => each.every((field) => required.has(field)));
    const isUnique = (field: string) => unique.some(([only, ...more]) => only === field && more.length === 0);
    if (key !== undefined) keys.set(name, keyAttributes(key, isUnique));
  }
  return keys;
}

/** Drops what is in texts and comments. */
function withoutTexts(code: string): string {
  return code.replace(/"(?:[^"\\\n]|\\.)*"|\/\/.*$/gm, (found) => (found.startsWith('"') ? '""' : ''));
}

/** Says of an index that it holds for some rows only. */
const IS_PARTIAL = /\bwhere:/;

/**
 * Finds the values of a key in the condition for one row: beside other fields, or together under the name that Prisma
 * gives a key of several fields.
 *
 * @param isField tells other conditions from that name
 */
export function keyIn(
  where: unknown,
  key: readonly string[],
  isField: (name: string) => boolean,
): Readonly<Record<string, unknown>> | undefined {
  if (typeof where !== 'object' || where === null || key.length === 0) return undefined;
  const together = key.length === 1 ? [] : Object.entries(where).filter(([name]) => !LOGIC.has(name) && !isField(name));
  for (const from of [where, ...together.map(([, values]) => values as unknown)]) {
    if (typeof from !== 'object' || from === null || Array.isArray(from)) continue;
    const values = key.map((field) => (from as Readonly<Record<string, unknown>>)[field]);
    if (values.every(isScalar)) return Object.fromEntries(key.map((field, i) => [field, values[i]]));
  }
  return undefined;
}

const LOGIC: ReadonlySet<string> = new Set(['AND', 'OR', 'NOT']);

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'bigint'].includes(typeof value) || value instanceof Date || value instanceof Uint8Array;
}
