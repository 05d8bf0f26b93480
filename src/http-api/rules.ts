import { type MatchFunction, match as matchPath } from 'path-to-regexp';
import { badOption, checkNames } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { plainPath } from './resource-names.ts';

/** One request, as rules see it. */
export interface HttpRequest {
  /** In capitals: `GET`. */
  readonly method: string;
  /** With its query, and without a fragment. */
  readonly url: URL;
}

/** Says what the resources are whose urls match. */
export interface HttpRule {
  /** Origin and path, whose parameters are written as for Express: `https://api.example/articles/:id`. It has no query: any matches. */
  readonly match: string;
  /**
   * Returns the models that the resource shows, as `{ type, id }`, a class or the name of a type for a collection, or a list of these;
   * undefined for none. They count beside the url: a read depends on them, and a write invalidates them. Default: none.
   */
  readonly model?: (
    params: Readonly<Record<string, string | readonly string[] | undefined>>,
    request: HttpRequest,
  ) => unknown;
  /** Unsafe methods that only read here, such as `POST` for a search. Default: none. */
  readonly safe?: readonly string[];
  /** Whether no page shows the resource: reading it is no dependency, and writing it invalidates nothing. Default: false. */
  readonly ignore?: boolean;
  /** Whose the credentials of requests are: default the option of {@link httpModels}. */
  readonly credentials?: 'visitor' | 'site';
}

/** What a rule says of one request. */
export interface Ruled {
  readonly isSafe: boolean;
  readonly isIgnored: boolean;
  readonly credentials: 'visitor' | 'site' | undefined;
  /** @throws errors of the rule's `model` */
  models(): readonly unknown[];
}

interface Compiled {
  readonly rule: HttpRule;
  readonly origin: string;
  readonly path: MatchFunction<Partial<Record<string, string | string[]>>>;
}

const WHAT = 'httpModels() rules';
const NO_RULE: Ruled = { isSafe: false, isIgnored: false, credentials: undefined, models: () => [] };

/** The rules of one site. The first one that matches counts. */
export class HttpRules {
  readonly #rules: readonly Compiled[];

  /** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
  constructor(rules: readonly HttpRule[]) {
    if (!Array.isArray(rules)) throw badOption(WHAT, 'a list of rules', describe(rules));
    this.#rules = rules.map((rule, i) => compiled(rule, `${WHAT}[${i}]`));
  }

  of(request: HttpRequest): Ruled {
    const { origin } = request.url;
    const pathname = plainPath(request.url.pathname);
    for (const { rule, origin: ruled, path } of this.#rules) {
      const found = ruled === origin && path(pathname);
      if (!found) continue;
      return {
        isSafe: rule.safe?.some((method) => method.toUpperCase() === request.method) ?? false,
        isIgnored: rule.ignore ?? false,
        credentials: rule.credentials,
        models: () => listed(rule.model?.(found.params, request)),
      };
    }
    return NO_RULE;
  }
}

function listed(models: unknown): readonly unknown[] {
  if (models === undefined || models === null) return [];
  return Array.isArray(models) ? models : [models];
}

function compiled(rule: HttpRule, what: string): Compiled {
  if (typeof rule !== 'object' || rule === null) throw badOption(what, 'a rule, { match, model }', describe(rule));
  checkNames(what, rule, ['match', 'model', 'safe', 'ignore', 'credentials']);
  const { match, model, safe = [], ignore = false, credentials } = rule;
  if (model !== undefined && typeof model !== 'function')
    throw badOption(`${what}.model`, 'a function', describe(model));
  if (!Array.isArray(safe) || !safe.every((method) => typeof method === 'string'))
    throw badOption(`${what}.safe`, 'a list of methods', describe(safe));
  if (typeof ignore !== 'boolean') throw badOption(`${what}.ignore`, 'true or false', describe(ignore));
  checkCredentials(`${what}.credentials`, credentials);
  return { rule, ...pattern(match, `${what}.match`) };
}

/** @throws CacheSweeperError CACHESWEEPER_BAD_OPTION */
export function checkCredentials(what: string, credentials: unknown): void {
  if (credentials !== undefined && credentials !== 'visitor' && credentials !== 'site')
    throw badOption(what, '"visitor" or "site"', describe(credentials));
}

function pattern(match: unknown, what: string): Omit<Compiled, 'rule'> {
  const wrong = (cause?: unknown) =>
    badOption(what, 'an origin and a path without a query, such as https://api.example/articles/:id', describe(match), {
      cause,
    });
  const [, origin, path = '/'] = (typeof match === 'string' && /^(https?:\/\/[^/?#]+)(\/[^?#]*)?$/i.exec(match)) || [];
  if (origin === undefined) throw wrong();
  try {
    return { origin: new URL(origin).origin, path: matchPath(path, { decode: decoded, encodePath: plainPath }) };
  } catch (error) {
    throw wrong(error);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
