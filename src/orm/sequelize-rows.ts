import type { Association, Model, ModelStatic } from 'sequelize';
import { isUnknown, markPartial, noteAsked, partialRow, unknownValue } from '../model/partial-row.ts';

type AnyModel = ModelStatic<Model>;
type Values = Readonly<Record<string, unknown>>;

/** Returns the row as it is now. What the instance has not loaded, or what the database computes, is unknown. */
export function rowNow(instance: Model): Model {
  return partly(instance, instance.dataValues as Values);
}

/** Returns the row as the database has it, before the changes are saved. */
export function rowBefore(instance: Model): Model {
  const model = instance.constructor as AnyModel;
  const values = Object.fromEntries(
    Object.keys(model.getAttributes())
      .map((name) => [name, instance.previous(name as never) as unknown] as const)
      .filter(([, value]) => value !== undefined),
  );
  return partly(model.build(values, { isNewRecord: false, raw: true }), values, { loaded: instance });
}

/** Returns a row of which nothing is known, not even what else the model has. */
export function anyRow(model: AnyModel): Model {
  return rowOf(model, {});
}

function rowOf(model: AnyModel, values: Values): Model {
  return partly(model.build({ ...values }, { isNewRecord: false, raw: true }), values, { isAny: true });
}

/**
 * Returns an object that inherits from the instance, on which attributes and associations that were not loaded are
 * unknown instead of absent.
 *
 * @param options `isAny`: everything else is unknown as well; `loaded`: the instance that has associations loaded
 */
function partly(
  instance: Model,
  values: Values,
  { isAny = false, loaded: from = instance }: { readonly isAny?: boolean; readonly loaded?: Model } = {},
): Model {
  const model = instance.constructor as AnyModel;
  const inner = Object.create(instance) as Model;
  const row = isAny ? (partialRow(inner) as Model) : markPartial(inner);
  const known: Record<string, unknown> = { ...values };
  for (const [name, { type }] of Object.entries(model.getAttributes())) {
    if (isVirtual(type) || (known[name] !== undefined && !isComputed(known[name], model))) continue;
    Object.defineProperty(known, name, { get: () => unknownValue(name), enumerable: true, configurable: true });
  }
  Object.defineProperty(inner, 'dataValues', { value: known });
  for (const association of Object.values(model.associations)) {
    const { as } = association;
    const loaded = (from as unknown as Values)[as];
    if (as in known && loaded === undefined) continue;
    Object.defineProperty(inner, as, { get: () => associated(row, association, loaded), configurable: true });
  }
  return row;
}

/** Returns what an association leads to: what was loaded, if it still is what the foreign key says, or unknown rows. */
function associated(row: Model, association: Association, loaded: unknown): unknown {
  const { associationType, target } = association;
  if (associationType === 'BelongsTo') {
    const { foreignKey, targetKey } = association as unknown as { foreignKey: string; targetKey: string };
    const key: unknown = row.get(foreignKey);
    if (key === null) return loaded ?? null;
    if (isUnknown(key)) return loaded ?? rowOf(target, {});
    const isSame = loaded !== undefined && loaded !== null && String((loaded as Model).get(targetKey)) === String(key);
    return isSame ? loaded : rowOf(target, { [targetKey]: key });
  }
  if (loaded !== undefined) return loaded;
  noteAsked(association.as);
  return associationType === 'HasOne' ? rowOf(target, {}) : [rowOf(target, {})];
}

/** Whether the database will compute the value: `literal('now()')`, `fn('max')`. */
function isComputed(value: unknown, model: AnyModel): boolean {
  const made = model.sequelize?.constructor as { Utils?: { SequelizeMethod: new () => object } } | undefined;
  return made?.Utils !== undefined && value instanceof made.Utils.SequelizeMethod;
}

function isVirtual(type: unknown): boolean {
  return (type as { readonly key?: unknown }).key === 'VIRTUAL';
}
