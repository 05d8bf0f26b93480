import type { Holder } from '../http/exchange.ts';

/** Returns the names of all that middleware left on an object of the framework, enumerable or not. */
export function leftOn({ object, isOwn }: Holder): string[] {
  return Object.getOwnPropertyNames(object).filter((name) => !isOwn(name) && !isMethod(object, name));
}

/** Whether somebody, such as a tracer, has put an own function in the place of a method. What that reads is recorded. */
function isMethod(object: object, name: string): boolean {
  if (!(name in (Object.getPrototypeOf(object) as object))) return false;
  return typeof Object.getOwnPropertyDescriptor(object, name)?.value === 'function';
}

/** Whether an object of variables has one of this name, its own or from an object that it inherits from. */
export function hasVariable(variables: object, name: string): boolean {
  return Object.hasOwn(variables, name) || (name in variables && !(name in Object.prototype));
}

/** Returns the names of all variables, inherited ones too. */
export function variablesOf(variables: object): readonly string[] {
  const own = Object.getOwnPropertyNames(variables);
  let from = Object.getPrototypeOf(variables) as object | null;
  if (from === null || from === Object.prototype) return own;
  const names = new Set(own);
  for (; from !== null; from = Object.getPrototypeOf(from) as object | null) {
    for (const name of Object.getOwnPropertyNames(from)) if (hasVariable(variables, name)) names.add(name);
  }
  return [...names];
}
