import { compile } from 'path-to-regexp';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import type { Params } from './view-names.ts';

/** Limit of view names. An application with more makes up names while it runs. */
const MAX_ROUTES = 10_000;

/** Patterns of named views, as far as this process has learnt them. */
export class Routes {
  readonly #patterns = new Map<string, Map<string, string>>();

  /**
   * @param pattern in the syntax of the framework's router
   * @param written the same in the syntax of path-to-regexp
   */
  learn(name: string, pattern: string, written: string = portable(pattern)): void {
    const patterns = this.#patterns.get(name);
    if (patterns !== undefined) patterns.set(pattern, written);
    else if (this.#patterns.size < MAX_ROUTES) this.#patterns.set(name, new Map([[pattern, written]]));
  }

  /**
   * Returns the paths of a named view.
   *
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when the parameters do not fit the pattern
   */
  urls(name: string, params: Params): string[] {
    return Array.from(this.#patterns.get(name) ?? [], ([pattern, written]) => {
      // hapi has several segments in one text.
      const severals = new Set(Array.from(written.matchAll(/\*"([^"]+)"/g), ([, key]) => key));
      const values = Object.fromEntries(
        Object.entries(params)
          .filter(([, value]) => value !== undefined)
          .map(([key, value]) => [key, Array.isArray(value) ? value.map(String) : String(value)] as const)
          .map(([key, value]) => [key, severals.has(key) && typeof value === 'string' ? value.split('/') : value]),
      );
      try {
        return compile(written)(values);
      } catch (error) {
        const expected = `the parameters of the view ${JSON.stringify(name)}, whose route is ${pattern}`;
        const why = `${describe(params)}: ${error instanceof Error ? error.message : error}`;
        throw badOption('expireView() params', expected, why, { cause: error });
      }
    });
  }
}

/**
 * Translates Fastify's patterns (`:id(^\\d+$)`, `:part?`, `*`) into the syntax of path-to-regexp. Patterns of Express
 * and @koa/router already have that syntax.
 */
function portable(pattern: string): string {
  return pattern
    .replace(/:(\w+)(?:\((?:[^()\\]|\\.|\([^()]*\))*\))?(\?)?/g, (_all, name: string, optional?: string) =>
      optional === undefined ? `:"${name}"` : `{:"${name}"}`,
    )
    .replace(/\*(?![\w"])/g, '*"*"')
    .replace(/\/\{(:"\w+")\}/g, '{/$1}');
}
