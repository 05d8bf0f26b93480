import { isAbsolute, relative, resolve, sep } from 'node:path';
import { digest } from '../../util/digest.ts';
import { lru } from '../../util/lru.ts';
import type { TemplateFacts } from '../compile/facts.ts';
import type { Environment, Template } from '../nunjucks.ts';

/** 96 bits are enough: templates are written by the site's own developers, who do not try to make collisions. */
const DIGEST_CHARACTERS = 16;

/** Limit of remembered names of templates. Finding a name means resolving paths. */
const MAX_NAMES = 2_000;

/** Stands for the digest of a template compiled elsewhere. Fragments that show such a template are not stored. */
export const UNKNOWN = 'unknown';

/** The digest of a template and of all templates it names in its text, transitively. */
export interface TemplateDigest {
  /** The template's name as its loader resolves it, the same on every machine. */
  readonly name: string;
  /** Digest of all the sources. */
  readonly digest: string;
  /** Whether all sources are known. Compiled code without facts does not show when it changes. */
  readonly isKnown: boolean;
  readonly path: string | undefined;
  /** Paths of all the templates in the digest. */
  readonly paths: ReadonlySet<string>;
}

/**
 * Loads a template by the name that another one uses for it. Returns a promise when its loader needs time, null when
 * there is none.
 */
export type Load = (name: string, from: string | undefined) => Template | null | Promise<unknown>;

interface Part {
  readonly name: string;
  readonly from: string | undefined;
  readonly template: Template | null;
}

interface Kept {
  readonly templateDigest: TemplateDigest;
  readonly parts: readonly Part[];
  readonly manner: string;
  readonly options: string;
}

/** Computes digests, once per version of a template. */
export class TemplateDigests {
  readonly #env: Environment;
  readonly #factsOf: (template: Template) => TemplateFacts | undefined;
  /** The options that are read while a page is rendered, as they were last, and the text of all. */
  #autoescape: unknown;
  #throwOnUndefined: unknown;
  #options: string | undefined;
  readonly #mannerOf: () => string;
  readonly #kept = new WeakMap<Template, Kept>();
  readonly #names = lru<string>(MAX_NAMES);

  /**
   * Makes the digests of one environment's templates.
   *
   * @param manner returns text for all that changes how the environment runs a template, apart from its options and
   *   from helpers, which are recorded as reads
   */
  constructor(env: Environment, factsOf: (template: Template) => TemplateFacts | undefined, manner: () => string) {
    this.#mannerOf = manner;
    this.#env = env;
    this.#factsOf = factsOf;
  }

  /**
   * Returns the digest of a template; a promise, after which to ask again, while one of its templates is being loaded.
   */
  of(template: Template, load: Load): TemplateDigest | Promise<unknown> {
    const kept = this.#kept.get(template);
    const manner = this.#mannerOf();
    const options = this.#optionsText();
    const isSame = kept !== undefined && kept.manner === manner && kept.options === options;
    if (isSame && this.#isCurrent(kept, load)) return kept.templateDigest;
    const { parts, waiting } = this.#collect(template, load);
    if (waiting.length > 0) return Promise.all(waiting);
    const templateDigest = this.#templateDigest(template, parts, `${options}${manner}`);
    this.#kept.set(template, { templateDigest, parts, manner, options });
    return templateDigest;
  }

  /** Text for all that changes how the environment runs a template, apart from helpers. */
  get manner(): string {
    return `${this.#optionsText()}${this.#mannerOf()}`;
  }

  /** Returns the text of the environment's options. A site may change some of them between two pages. */
  #optionsText(): string {
    const { autoescape, throwOnUndefined, trimBlocks, lstripBlocks, tags } = this.#env.opts;
    const isSame = autoescape === this.#autoescape && throwOnUndefined === this.#throwOnUndefined;
    if (this.#options === undefined || !isSame) {
      this.#autoescape = autoescape;
      this.#throwOnUndefined = throwOnUndefined;
      this.#options = JSON.stringify([autoescape, throwOnUndefined, trimBlocks, lstripBlocks, tags ?? null]);
    }
    return this.#options;
  }

  /** Whether loading each part would return the same template as before, or one with the same source. */
  #isCurrent({ parts }: Kept, load: Load): boolean {
    return parts.every(({ name, from, template }) => {
      const now = load(name, from);
      return now === template || (isTemplate(now) && template !== null && this.#isSame(now, template));
    });
  }

  #isSame(now: Template, template: Template): boolean {
    if (now.tmplStr !== undefined || template.tmplStr !== undefined) return now.tmplStr === template.tmplStr;
    const digest = this.#factsOf(now)?.digest;
    return digest !== undefined && digest === this.#factsOf(template)?.digest;
  }

  #collect(template: Template, load: Load): { parts: Part[]; waiting: Promise<unknown>[] } {
    const parts: Part[] = [];
    const waiting: Promise<unknown>[] = [];
    const seen = new Set<string>();
    const queue: Template[] = [template];
    for (let at = queue.shift(); at !== undefined; at = queue.shift()) {
      for (const name of this.#factsOf(at)?.references ?? []) {
        const from = at.path;
        const key = `${from}\n${name}`;
        if (seen.has(key)) continue;
        seen.add(key);
        const found = load(name, from);
        if (found instanceof Promise) {
          waiting.push(found);
        } else {
          parts.push({ name, from, template: found as Template | null });
          if (found !== null) queue.push(found as Template);
        }
      }
    }
    return { parts, waiting };
  }

  #templateDigest(template: Template, parts: readonly Part[], manner: string): TemplateDigest {
    const name = this.nameOf(template);
    const facts = this.#factsOf(template);
    let text = facts?.digest;
    let isKnown = facts !== undefined;
    const paths = new Set<string>([template.path ?? '']);
    for (const part of parts) {
      const resolved = part.template === null ? '' : this.nameOf(part.template);
      const found = part.template === null ? { digest: '-' } : this.#factsOf(part.template);
      isKnown &&= found !== undefined;
      text += `\n${JSON.stringify([part.name, resolved])} ${found?.digest}`;
      if (part.template?.path) paths.add(part.template.path);
    }
    return {
      name,
      digest: digest(`${name}\n${manner}\n${text}`, DIGEST_CHARACTERS),
      isKnown,
      path: template.path,
      paths,
    };
  }

  /**
   * Returns a template's name: its path below the search path it was found in, so that keys are the same wherever the
   * site is installed; for other loaders, the path they return.
   */
  nameOf({ path }: Template): string {
    if (path === undefined || path === '') return '(string)';
    let name = this.#names.get(path);
    if (name === undefined) {
      name = this.#nameOf(path);
      this.#names.set(path, name);
    }
    return name;
  }

  #nameOf(path: string): string {
    for (const { searchPaths } of this.#env.loaders) {
      for (const searchPath of searchPaths ?? []) {
        const below = relative(resolve(searchPath), path);
        if (below !== '' && !below.startsWith('..') && !isAbsolute(below)) return below.split(sep).join('/');
      }
    }
    return path;
  }
}

function isTemplate(value: unknown): value is Template {
  return typeof value === 'object' && value !== null && !(value instanceof Promise);
}
