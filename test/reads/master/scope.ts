/** What a variable of a template holds. `any` may be nothing, or of any kind: only what never throws is done with it. */
export type Kind =
  | 'article'
  | 'comment'
  | 'author'
  | 'topic'
  | 'row'
  | 'plain'
  | 'badge'
  | 'date'
  | 'hidden'
  | 'url'
  | 'articles'
  | 'comments'
  | 'authors'
  | 'rows'
  | 'plains'
  | 'text'
  | 'texts'
  | 'number'
  | 'any'
  | 'html';

export interface Variable {
  readonly name: string;
  readonly kind: Kind;
}

export const LEVELS = { page: 0, part: 1, leaf: 2, contextLibrary: 3, component: 4, library: 5 } as const;
export type Level = (typeof LEVELS)[keyof typeof LEVELS];

/** Where a piece of a template stands. */
export interface Place {
  /** The template it is in: it may use those of higher levels only, so that none uses itself. */
  readonly level: Level;
  /** The page's variables are there. */
  readonly hasPage: boolean;
  readonly inBody: boolean;
  /** What is set here is a variable of the template, which its macros see. */
  readonly isTop: boolean;
  /** In a `case` Nunjucks compiles includes and imports to code that does not parse. */
  readonly inCase: boolean;
  readonly inMacro: boolean;
  readonly inLoop: boolean;
  /** `super()` means something here. */
  readonly hasParent: boolean;
}

/** The variables that may be used at a place; a `set` adds one for what comes behind it. */
export class Scope {
  readonly place: Place;
  readonly #variables: Variable[];

  constructor(place: Place, variables: readonly Variable[]) {
    this.place = place;
    this.#variables = [...variables];
  }

  inner(place: Partial<Place> = {}, more: readonly Variable[] = []): Scope {
    const names = new Set(more.map(({ name }) => name));
    const seen = this.#variables.filter(({ name }) => !names.has(name));
    return new Scope({ ...this.place, ...place }, [...more, ...seen]);
  }

  add(variable: Variable): void {
    this.#variables.unshift(variable);
  }

  /** Those of the kinds, the nearest first. */
  of(...kinds: readonly Kind[]): readonly Variable[] {
    return this.#variables.filter(({ kind }) => kinds.includes(kind));
  }

  pick(by: number, ...kinds: readonly Kind[]): Variable | undefined {
    const found = this.of(...kinds);
    return found[by % found.length];
  }

  name(by: number, ...kinds: readonly Kind[]): string | undefined {
    return this.pick(by, ...kinds)?.name;
  }
}

export const MODELS = ['article', 'comment', 'author', 'topic', 'row'] as const;

const of = (kind: Kind, ...names: readonly string[]): Variable[] => names.map((name) => ({ name, kind }));

/** The variables of a page: see data.ts. */
export const PAGE: readonly Variable[] = [
  ...of('article', 'article', 'other'),
  ...of('comment', 'comment'),
  ...of('author', 'author'),
  ...of('topic', 'topic'),
  ...of('row', 'row'),
  ...of('plain', 'plain'),
  ...of('badge', 'badge'),
  ...of('date', 'day'),
  ...of('hidden', 'hidden'),
  ...of('url', 'url'),
  ...of('articles', 'articles'),
  ...of('comments', 'comments'),
  ...of('authors', 'authors'),
  ...of('rows', 'trows'),
  ...of('plains', 'rows'),
  ...of('text', 'lang', 'heading'),
  ...of('texts', 'words'),
  ...of('number', 'number', 'page.number'),
  ...of('html', 'html'),
  ...of('any', 'mood', 'flag', 'count', 'now', 'theme.colour', 'locals.brand'),
];

/** What may be read where the page's variables may be missing. */
export const STRANGE: readonly Variable[] = of('any', 'lang', 'number', 'page.number', 'mood', 'flag', 'late');
