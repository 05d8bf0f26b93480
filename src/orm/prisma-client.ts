import { ID_ATTRIBUTES } from '../model/known-models.ts';
import type { SaveHookOptions } from './hook-options.ts';
import type { Place } from './places.ts';
import { type KeyFields, keysOfSchema } from './prisma-keys.ts';
import type { Source } from './prisma-rows.ts';
import type { DataModel } from './prisma-schema.ts';
import type { Row } from './prisma-writes.ts';

/** The internals of a client that are used here. */
export interface Client {
  readonly _clientVersion?: unknown;
  readonly _runtimeDataModel?: DataModel;
  readonly _originalClient?: Root;
  readonly _activeProvider?: unknown;
  $queryRawUnsafe(sql: string): Promise<unknown>;
  $executeRawUnsafe(sql: string): Promise<unknown>;
  $extends(extension: object): unknown;
  $transaction(this: unknown, work: unknown, options?: unknown): Promise<unknown>;
  readonly [model: string]: unknown;
}

/** The client that was constructed. Others are made from it. */
export interface Root {
  readonly _engineConfig?: { readonly inlineSchema?: unknown; readonly adapter?: object };
  _executeRequest(this: unknown, request: Request): Promise<unknown>;
  _request(this: unknown, request: Request): Promise<unknown>;
  $transaction: Transact;
}

/** Begins a transaction, or runs a list of writes in one. */
export type Transact = (this: unknown, work: unknown, options?: unknown) => Promise<unknown>;

/** A request as Prisma sends it, after all extensions. Without a model it is raw SQL. */
export interface Request extends Source {
  readonly args?: Row | undefined;
  readonly transaction?: { readonly kind?: unknown } | undefined;
}

/** Returns where the keys of a client's models are. */
export function keysOf({ _engineConfig: config }: Root, { models }: DataModel, options: SaveHookOptions): KeyFields {
  const schema = config?.inlineSchema;
  const keys = typeof schema === 'string' ? keysOfSchema(schema) : undefined;
  return (model) => {
    const told = options.models?.[model]?.id;
    if (told !== undefined) return typeof told === 'string' ? [told] : [];
    if (keys !== undefined) return keys.get(model) ?? [];
    const id = ID_ATTRIBUTES.find((name) => models[model]?.fields.some((field) => field.name === name));
    return id === undefined ? [] : [id];
  };
}

/** Where the rows are, as far as clients tell: those that share a connection, or say the same of it. */
export function placesOf(client: Root, { models }: DataModel, typeOf: (model: string) => string): readonly Place[] {
  const { adapter = client._engineConfig ?? client } = client._engineConfig ?? {};
  const { config } = adapter as { readonly config?: unknown };
  let table: unknown = adapter;
  try {
    const text = typeof config === 'object' && config !== null ? JSON.stringify(config) : ':memory:';
    // Each database in memory is one of its own.
    if (!text.includes(':memory:')) table = text;
  } catch {
    // An open connection, which is a place of its own.
  }
  return Object.keys(models).map((name) => ({
    model: `Prisma ${typeOf(name)}`,
    name,
    table,
    isOpen: () => true,
    todo: 'clients of one database can share one adapter; else ',
  }));
}
