import { describe } from '../util/describe.ts';
import type { ModelClass } from './known-models.ts';
import { noIdentity } from './no-identity.ts';

/** Mongoose names all its model classes "model"; `modelName` tells them apart. */
export function typeNameOf(modelClass: ModelClass): string {
  const modelName: unknown = 'modelName' in modelClass ? modelClass.modelName : undefined;
  if (typeof modelName === 'string' && modelName !== '') return modelName;
  const { name } = modelClass as { name: unknown };
  return typeof name === 'string' ? name : '';
}

/** Takes the class from the prototype, because the instance may have a property called `constructor`. */
export function classOf(model: object): ModelClass {
  const made: unknown = Object.getPrototypeOf(model).constructor;
  if (typeof made === 'function') return made;
  throw noIdentity(
    `expected an instance of a class, got ${describe(model)}, whose prototype has no constructor; give it a cacheIdentity`,
  );
}

/**
 * Nunjucks wraps a function that it looks up in an object. The wrapper has a prototype but no name, and must not count
 * as a class.
 */
export function isClass(value: ModelClass): boolean {
  if (typeof value.prototype !== 'object' || value.prototype === null) return false;
  return typeNameOf(value) !== '' || /^class\b/.test(Function.prototype.toString.call(value));
}
