// biome-ignore lint/complexity/noBannedTypes: a class is known here only as a function with a prototype
export type ModelClass = Function;

/** Where a row has something: the name of an attribute, or a function that returns it. */
export type Whereabouts = string | ((model: never) => unknown);

/** What an ORM tells of one of its models. What is registered for the type counts before it. */
export interface KnownModel {
  /** Its key; a function gives a list for a key of several attributes. Undefined: none that can be used. */
  readonly id: Whereabouts | undefined;
  /** Names the table and where it is. Two tables under one type would mix up their rows. */
  readonly table: string;
  /** The tenant that all rows of this class belong to. */
  readonly tenant?: string | undefined;
  /** Whether rows of several tenants are read under its type, of which those that are plain objects do not tell theirs. */
  hasTenants?(): boolean;
  /** Whether all saves of its rows are heard, under its name. Then its instances are models wherever a body meets one. */
  readonly isHeard: boolean;
}

/** An ORM's models, by class or by the name of the type. They may be defined later, so it is asked each time. */
export type KnownModels = (classOrType: ModelClass | string) => KnownModel | undefined;

/** Attributes that hold the id where nothing else is known, the first that is set. */
export const ID_ATTRIBUTES = ['id', '_id', 'pk'] as const;

/**
 * Returns the attributes that tell a model's rows apart. An `id` that the ORM knows to be unique is what templates and
 * `touches` will name, so it counts before another primary key; one that is only a part of the key is not unique.
 *
 * @param primary attributes of the primary key, in their order
 */
export function keyAttributes(primary: readonly string[], isUnique: (attribute: string) => boolean): readonly string[] {
  const own = ID_ATTRIBUTES.find((name) => (primary.length === 1 && primary[0] === name) || isUnique(name));
  return own === undefined ? primary : [own];
}

/** Returns where a key of these attributes is, as `register()` takes it. */
export function idAt(attributes: readonly string[]): KnownModel['id'] {
  if (attributes.length < 2) return attributes[0];
  return (model: never) => attributes.map((name) => (model as Record<string, unknown>)[name]);
}

/**
 * Returns the schema of a class that Sequelize has derived for another schema (`Note.schema('a')`) than that of the
 * class it is derived from. Such classes share a name, and their rows share ids.
 */
export function ownSchema(modelClass: ModelClass, base: ModelClass): string | undefined {
  const schema = schemaOf(modelClass);
  return schema === schemaOf(base) ? undefined : schema;
}

function schemaOf(modelClass: ModelClass): string {
  if (!('_schema' in modelClass && 'getTableName' in modelClass)) return '';
  const { _schema: schema } = modelClass;
  return schema === undefined || schema === null ? '' : String(schema);
}
