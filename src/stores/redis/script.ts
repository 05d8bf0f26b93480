import { createHash } from 'node:crypto';
import type { Argument } from './clients.ts';
import type { Connection } from './connection.ts';

/** A Lua script, sent by its digest, and in full to a server that does not know it. */
export class Script {
  readonly #text: string;
  readonly #sha: string;

  constructor(text: string) {
    this.#text = text;
    // The digest by which Redis knows a script; nothing is protected by it.
    this.#sha = createHash('sha1').update(text).digest('hex');
  }

  /** @param keys of one slot, at least one */
  async run(connection: Connection, keys: readonly string[], args: readonly Argument[]): Promise<unknown> {
    const [first = ''] = keys;
    const rest = [String(keys.length), ...keys, ...args];
    try {
      return await connection.send(first, 'EVALSHA', [this.#sha, ...rest]);
    } catch (error) {
      // Then nothing was carried out.
      if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error;
      return connection.send(first, 'EVAL', [this.#text, ...rest]);
    }
  }
}
