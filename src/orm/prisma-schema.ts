/** The part of Prisma's data model that its clients carry. */
export interface DataModel {
  readonly models: Readonly<Record<string, { readonly fields: readonly Field[] }>>;
}

interface Field {
  readonly name: string;
  readonly kind: string;
  readonly type: string;
}

/** A foreign key: the model that holds it, and the fields of another model that it refers to. */
interface ForeignKey {
  readonly holder: string;
  readonly of: string;
  readonly references: readonly string[];
  /** Whether the database deletes or changes the holder's rows when such a row is deleted. */
  readonly followsDelete: boolean;
  /** Whether it changes them when a field that is referred to is changed. */
  readonly followsUpdate: boolean;
}

/** Models whose rows the database itself deletes or changes after a write to another model. */
export interface Followers {
  /** @param field the changed field; undefined for a deleted row */
  of(model: string, field?: string): readonly string[];
}

/**
 * Reads referential actions from the schema that a client carries. Its data model does not tell them.
 *
 * @param schema undefined for a client without it: then each related model counts
 */
export function followersOf({ models }: DataModel, schema: unknown): Followers {
  const keys =
    typeof schema === 'string'
      ? foreignKeys(schema)
      : Object.entries(models).flatMap(([holder, { fields }]) =>
          fields
            .filter(({ kind, type }) => kind === 'object' && models[type] !== undefined)
            .map(({ type }): ForeignKey => anyKey(holder, type, models[type]?.fields.map(({ name }) => name) ?? [])),
        );
  const follow = (model: string, field: string | undefined, found: Set<string>): void => {
    for (const { holder, of, references, followsDelete, followsUpdate } of keys) {
      const follows = field === undefined ? followsDelete : followsUpdate && references.includes(field);
      if (of !== model || !follows || found.has(holder)) continue;
      found.add(holder);
      // Its rows may be deleted, or have another key of their own. Others may follow from that.
      follow(holder, undefined, found);
    }
  };
  return {
    of(model, field) {
      const found = new Set<string>();
      follow(model, field, found);
      return [...found];
    },
  };
}

function anyKey(holder: string, of: string, references: readonly string[]): ForeignKey {
  return { holder, of, references, followsDelete: true, followsUpdate: true };
}

/** A comment, or a text, in which there is none. */
const COMMENT = /("(?:[^"\\\n]|\\.)*")|\/\/.*$/gm;
const MODEL = /^\s*model\s+(\w+)\s*\{([\s\S]*?)^\s*\}/gm;
const RELATION = /^[ \t]*\w+[ \t]+(\w+)(\?)?(?:[^\n"]|"[^"\n]*")*?@relation\(((?:[^()"]|"[^"\n]*"|\([^()]*\))*)\)/gm;
const FOLLOWS = /cascade|setnull|setdefault/i;

function foreignKeys(schema: string): ForeignKey[] {
  const code = schema.replace(COMMENT, (_all, text: string | undefined) => text ?? '');
  return Array.from(code.matchAll(MODEL)).flatMap(([, holder = '', body = '']) =>
    Array.from(body.matchAll(RELATION)).flatMap(([, of = '', optional, args = '']) => {
      const [, references] = /\breferences:\s*\[([^\]]*)\]/.exec(args) ?? [];
      if (references === undefined) return []; // the other side of the relation
      const action = (name: string) => new RegExp(`\\b${name}:\\s*(\\w+)`).exec(args)?.[1];
      const onDelete = action('onDelete') ?? (optional === undefined ? 'Restrict' : 'SetNull');
      return {
        holder,
        of,
        references: references.split(',').map((name) => name.replace(/\(.*/, '').trim()),
        followsDelete: FOLLOWS.test(onDelete),
        followsUpdate: FOLLOWS.test(action('onUpdate') ?? 'Cascade'),
      };
    }),
  );
}
