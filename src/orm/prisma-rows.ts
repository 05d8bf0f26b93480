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
  dataModel: DataModel,
  visit: (row: object, model: string) => void,
): void {
  if (model === undefined || !ROWS.has(action)) return;
  let at: string | undefined = model;
  for (const step of dataPath.filter((_, i) => i % 2 === 1)) {
    at = dataModel.models[at as string]?.fields.find(({ name }) => name === step)?.type;
    if (at === undefined || dataModel.models[at] === undefined) return;
  }
  visitEach(result, at, dataModel, visit);
}

function visitEach(
  value: unknown,
  model: string,
  dataModel: DataModel,
  visit: (row: object, model: string) => void,
): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const each of value) visitEach(each, model, dataModel, visit);
    return;
  }
  visit(value, model);
  for (const { name, kind, type } of dataModel.models[model]?.fields ?? []) {
    // Do not call what an extension computes.
    if (kind !== 'object' || dataModel.models[type] === undefined) continue;
    const inner: unknown = Reflect.getOwnPropertyDescriptor(value, name)?.value;
    if (inner !== undefined) visitEach(inner, type, dataModel, visit);
  }
}
