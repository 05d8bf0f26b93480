import type { Model, ModelStatic, Sequelize } from 'sequelize';
import { namesOnlyItsClass } from '../model/class-texts.ts';
import { keepsAttributes, NOT_KEPT } from '../model/kept-attributes.ts';

/** What Sequelize's models have beside their documented methods. */
interface Internals {
  readonly prototype: object & {
    readonly get: unknown;
    /** Getters that the site gave to attributes, `getterMethods` among them. */
    readonly _customGetters?: Readonly<Record<string, unknown>>;
  };
  readonly rawAttributes: Readonly<Record<string, unknown>>;
  /** The getters and setters that Sequelize made. */
  readonly _attributeManipulation?: Readonly<Record<string, PropertyDescriptor>>;
}

/**
 * Tells that Sequelize's own getter of an attribute gives what is in `dataValues`. That holds unless the site has given
 * the attribute a getter, replaces Sequelize's, or overrides the instance's `get()`. Its own `toString` names the model and nothing of a row.
 */
export function keepsSequelizeAttributes(sequelize: Sequelize): void {
  const base = (sequelize.constructor as unknown as { readonly Model: Internals }).Model.prototype;
  const { get } = base;
  namesOnlyItsClass(base.toString);
  const add = (model: ModelStatic<Model>): void => {
    keepsAttributes(model.prototype, (instance, name, getter) => {
      const { prototype, rawAttributes, _attributeManipulation: made } = instance.constructor as unknown as Internals;
      const { get: own, _customGetters: custom = {} } = prototype;
      if (!Object.hasOwn(rawAttributes, name) || name in custom || own !== get) return NOT_KEPT;
      if (made?.[name]?.get !== getter) return NOT_KEPT;
      const values: unknown = Object.getOwnPropertyDescriptor(instance, 'dataValues')?.value;
      if (typeof values !== 'object' || values === null) return NOT_KEPT;
      const kept = Object.getOwnPropertyDescriptor(values, name);
      return kept === undefined || 'value' in kept ? kept?.value : NOT_KEPT;
    });
  };
  for (const model of Object.values(sequelize.models)) add(model);
  sequelize.addHook('afterDefine', add as never);
}
