import type { Entry, TemplateDependency } from './entry.ts';
import type { Token } from './token.ts';

const NONE: ReadonlyMap<string, TemplateDependency> = new Map();

/** Everything a fragment was made from: collected while its body runs, handed up to the fragment around it. */
export class Dependencies {
  readonly tokens = new Map<string, Token>();
  #templates: Map<string, TemplateDependency> | undefined;
  /** Something inside is provisional. */
  provisional = false;
  /** The earliest expiry of anything inside; milliseconds since 1970. */
  expires = Number.POSITIVE_INFINITY;

  /**
   * Adds one name. The token that was read first stays: if the name was bumped in between, the older token makes the
   * entry invalid, as it must be.
   */
  add(name: string, token: Token): void {
    if (!this.tokens.has(name)) this.tokens.set(name, token);
  }

  /** Templates chosen at run time. */
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
    this.expires = Math.min(this.expires, entry.expires);
    this.provisional ||= entry.provisional;
  }

  addAll(inner: Dependencies): void {
    for (const [name, token] of inner.tokens) this.add(name, token);
    for (const template of inner.templates.values()) this.addTemplate(template);
    this.expires = Math.min(this.expires, inner.expires);
    this.provisional ||= inner.provisional;
  }

  /** The youngest token: tokens compare as text by their time. */
  youngest(): Token {
    let youngest = '';
    for (const token of this.tokens.values()) if (token > youngest) youngest = token;
    return youngest;
  }
}
