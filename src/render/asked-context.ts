import type { PageContext } from '../options.ts';
import type { PageWatch } from './ambient.ts';

/**
 * Returns a page's variables for the functions among the options. In a view, what they read of them counts as if the
 * page had looked it up.
 */
export function askedContext(context: PageContext, watch: PageWatch | undefined): PageContext {
  if (watch === undefined) return context;
  const note = (name: string | symbol): void => {
    if (typeof name === 'string') watch.lookedUp(name);
  };
  return new Proxy(context, {
    get(target, name) {
      note(name);
      return Reflect.get(target, name);
    },
    has(target, name) {
      note(name);
      return Reflect.has(target, name);
    },
    getOwnPropertyDescriptor(target, name) {
      note(name);
      return Reflect.getOwnPropertyDescriptor(target, name);
    },
    ownKeys(target) {
      watch.lookedUpAll();
      return Reflect.ownKeys(target);
    },
  });
}
