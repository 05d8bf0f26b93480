import type { DataModel } from './prisma-schema.ts';

/** Operations whose result is rows. The results of others (`groupBy`, `aggregate`) only look like rows. */
const ROWS: ReadonlySet<string> = new Set([
  'findUnique',
  'findUniqueOrThrow',
  'findFirst',
  'findFirstOrThrow',
  'findMany',
  'create',
  'createManyAndReturn',
  'update',
  'updateManyAndReturn',
  'upsert',
  'delete',
]);

/** Where a result comes from. `dataPath`, of `prisma.article.findUnique(…).comments()`: `['select', 'comments']`. */
export interface Source {
  readonly model?: string | undefined;
  readonly action: string;
  readonly dataPath?: readonly string[] | undefined;
}

/** Visits all rows of a result, with those of its relations, and the model of each. */
export function visitRows(
  result: unknown,
  { model, action, dataPath = [] }: Source,
  { models }: DataModel,
  visit: (row: object, model: string) => void,
): void {
  if (model === undefined || !ROWS.has(action)) return;
  // What extensions make of rows may hold a row twice, or refer to itself.
  const seen = new Set<object>();
  const each = (value: unknown, of: string): void => {
    const fields = models[of]?.fields;
    if (typeof value !== 'object' || value === null || fields === undefined || seen.has(value)) return;
    seen.add(value);
    if (Array.isArray(value)) {
      for (const item of value) each(item, of);
      return;
    }
    visit(value, of);
    for (const { name, kind, type } of fields) {
      // Do not call what an extension computes.
      if (kind === 'object') each(Reflect.getOwnPropertyDescriptor(value, name)?.value, type);
    }
  };
  let at: string | undefined = model;
  for (const step of dataPath.filter((_, i) => i % 2 === 1)) {
    at = models[at ?? '']?.fields.find(({ name }) => name === step)?.type;
  }
  each(result, at ?? '');
}
