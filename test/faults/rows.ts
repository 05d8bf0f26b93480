import { createCipheriv } from 'node:crypto';

const LONGEST = 1_000_000;
/** Text that hardly shrinks when it is compressed, the same in every run. */
const TEXT = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  .update(Buffer.alloc(LONGEST))
  .toString('base64');

/** A row of the site's database: its text follows from its identity, version and size. */
export class Row {
  readonly id: number;
  readonly bytes: number;
  version = 1;
  /** The version whose bump was acknowledged: pages begun from now on show it, or a later one. */
  acknowledged = 1;
  /** The same for the process that was told that its bump was lost. Private, because a method may read all that a row holds. */
  readonly #lostBy: Map<object, number> = new Map();

  constructor(id: number, bytes: number) {
    this.id = id;
    this.bytes = bytes;
  }

  /** The oldest version that a page of this process may show, if it begins now. */
  oldestFor(process: object): number {
    return Math.max(this.acknowledged, this.#lostBy.get(process) ?? 0);
  }

  /** A process was told that the bump of its newest version was lost. */
  loseBump(process: object, version: number): void {
    this.#lostBy.set(process, Math.max(this.#lostBy.get(process) ?? 0, version));
  }

  /** As html: what it is, and its text. */
  html(version: number = this.version): string {
    const type = this.constructor.name;
    // Neighbours and versions have texts that begin at other places.
    const start = (this.id * 7_919 + version * 104_729 + type.length * 1_299_709) % (TEXT.length - this.bytes);
    return `<${type} ${this.id} v${version} n${this.bytes}>${TEXT.slice(start, start + this.bytes)}</>`;
  }
}

export class Comment extends Row {
  readonly articleId: number;
  constructor(id: number, bytes: number, articleId: number) {
    super(id, bytes);
    this.articleId = articleId;
  }
}

export class Article extends Row {
  readonly comments: readonly Comment[];
  constructor(id: number, bytes: number, comments: readonly Comment[]) {
    super(id, bytes);
    this.comments = comments;
  }

  get all(): readonly Row[] {
    return [this, ...this.comments];
  }
}

/** @param sizes of the rows' texts in bytes, taken in turn */
export function makeArticles(count: number, commentsEach: number, sizes: readonly number[]): Article[] {
  let rows = 0;
  const size = () => sizes[rows++ % sizes.length] as number;
  return Array.from({ length: count }, (_, i) => {
    const comments = Array.from({ length: commentsEach }, (_, j) => new Comment(i * commentsEach + j, size(), i));
    return new Article(i, size(), comments);
  });
}

/** What a page of an article must hold, as it begins. */
export class Expected {
  readonly #article: Article;
  readonly #oldest: ReadonlyMap<Row, number>;

  constructor(article: Article, process: object) {
    this.#article = article;
    this.#oldest = new Map(article.all.map((row) => [row, row.oldestFor(process)]));
  }

  /** What is wrong with the page, byte for byte; undefined for nothing. */
  fault(html: string): string | undefined {
    let at = 0;
    for (const row of this.#article.all) {
      const name = `${row.constructor.name} ${row.id}`;
      const [, digits] = /^<\w+ \d+ v(\d+) /.exec(html.slice(at, at + 60)) ?? [];
      const version = Number(digits);
      const right = row.html(version);
      if (digits === undefined || html.slice(at, at + right.length) !== right) {
        return `${name}: a wrong body, beginning with ${html.slice(at, at + 60)}`;
      }
      if (version > row.version) return `${name}: version ${version}, which does not exist yet`;
      const oldest = this.#oldest.get(row) as number;
      if (version < oldest) return `${name}: version ${version}, when ${oldest} had been acknowledged`;
      at += right.length;
    }
    return at === html.length ? undefined : `${html.length - at} bytes too many`;
  }
}
