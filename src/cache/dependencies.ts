import type { Entry, TemplateDependency } from './entry.ts';
import type { Token } from './token.ts';

const NONE: ReadonlyMap<string, TemplateDependency> = new Map();

/**
 * Collects all that a fragment was made from while its body runs. When the body ends, the fragment around it adds the
 * same.
 */
export class Dependencies {
  readonly tokens = new Map<string, Token>();
  #templates: Map<string, TemplateDependency> | undefined;
  /** Whether anything inside is provisional; then the whole is, too. */
  provisional = false;
  /** The earliest expiry of anything inside, in milliseconds since 1970. */
  expires = Number.POSITIVE_INFINITY;
  /**
   * Until when all that is inside may be served, stale or not: the least over all of it, in milliseconds since 1970. Not
   * before `expires`.
   */
  staleUntil = Number.POSITIVE_INFINITY;

  /**
   * Adds one name. The token that was read first stays. If the name was bumped in between, the older token then makes
   * the entry invalid, as it must.
   */
  add(name: string, token: Token): void {
    if (!this.tokens.has(name)) this.tokens.set(name, token);
  }

  /** Templates that the body chose at run time, such as `{% include name %}`. */
  get templates(): ReadonlyMap<string, TemplateDependency> {
    return this.#templates ?? NONE;
  }

  addTemplate(template: TemplateDependency): void {
    this.#templates ??= new Map();
    this.#templates.set(`${template.parent ?? ''}\n${template.name}`, template);
  }

  addEntry(entry: Entry): void {
    const { dependencies } = entry;
    for (let i = 0; i < dependencies.length; i += 2) this.add(dependencies[i] as string, dependencies[i + 1] as Token);
    for (const template of entry.templates) this.addTemplate(template);
    this.endAt(entry.expires, entry.expires + entry.stale);
    this.provisional ||= entry.provisional;
  }

  addAll(inner: Dependencies): void {
    for (const [name, token] of inner.tokens) this.add(name, token);
    for (const template of inner.templates.values()) this.addTemplate(template);
    this.endAt(inner.expires, inner.staleUntil);
    this.provisional ||= inner.provisional;
  }

  /**
   * Adds something that ends.
   *
   * @param expires milliseconds since 1970; Infinity for never
   * @param staleUntil until when it may be served stale after that; not at all by default
   */
  endAt(expires: number, staleUntil: number = expires): void {
    if (expires < this.expires) this.expires = expires;
    if (staleUntil < this.staleUntil) this.staleUntil = staleUntil;
  }

  /** Returns the youngest token. Tokens start with their time, so they compare as text. */
  youngest(): Token {
    let youngest = '';
    for (const token of this.tokens.values()) if (token > youngest) youngest = token;
    return youngest;
  }
}
