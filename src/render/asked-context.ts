import type { PageContext } from '../options.ts';
import { currentPart } from './ambient.ts';

/**
 * Returns a page's variables for a function among the options. In a view, what the function reads of them counts as if
 * the page had looked it up.
 */
export function askedContext(context: PageContext): PageContext {
  const watch = currentPart()?.watch;
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
