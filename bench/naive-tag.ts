import { createRequire } from 'node:module';
import type { Comment } from './page.ts';

interface MemjsClient {
  get(key: string): Promise<{ readonly value: Buffer | null }>;
  set(key: string, value: string, options: { readonly expires: number }): Promise<boolean>;
}

// It has no types of its own.
const { Client } = createRequire(import.meta.url)('memjs') as {
  readonly Client: { create(servers: string): MemjsClient };
};

interface Parser {
  nextToken(): { readonly value: string };
  parseSignature(tolerant: null, noParens: true): unknown;
  advanceAfterBlockEnd(name?: string): void;
  parseUntilBlocks(name: string): unknown;
}

interface Nodes {
  readonly CallExtensionAsync: new (
    extension: object,
    method: string,
    args: unknown,
    bodies: readonly unknown[],
  ) => object;
}

/**
 * What one would write first: an asynchronous tag that reads the model's version, then the html of that version, and renders
 * and stores what is not there. One fragment after the other, because the page goes on only when a tag has answered.
 */
export class NaiveTag {
  readonly tags = ['naive'];
  readonly #client: MemjsClient;
  readonly #safe: (html: string) => unknown;

  /** @param env whose filter `safe` marks html as html */
  constructor(server: string, env: { getFilter(name: string): (html: string) => unknown }) {
    this.#client = Client.create(server);
    this.#safe = env.getFilter('safe');
  }

  parse(parser: Parser, nodes: Nodes): object {
    const tag = parser.nextToken();
    const args = parser.parseSignature(null, true);
    parser.advanceAfterBlockEnd(tag.value);
    const body = parser.parseUntilBlocks('endnaive');
    parser.advanceAfterBlockEnd();
    return new nodes.CallExtensionAsync(this, 'run', args, [body]);
  }

  run(_context: object, comment: Comment, body: () => string, done: (error: unknown, html?: unknown) => void): void {
    this.#html(comment, body).then((html) => done(null, this.#safe(html)), done);
  }

  async #html({ id }: Comment, body: () => string): Promise<string> {
    const { value: version } = await this.#client.get(`version:${id}`);
    const key = `html:${id}:${version ?? 1}`;
    const { value } = await this.#client.get(key);
    if (value !== null) return value.toString();
    const html = body();
    await this.#client.set(key, html, { expires: 600 });
    return html;
  }
}
