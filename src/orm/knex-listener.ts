import type { Builder, Client, ClientListener, Container, Transaction } from './knex-client.ts';
import type { KnexModels, Table } from './knex-models.ts';
import { rowsWritten, type WrittenRows } from './knex-rows.ts';
import { commitsByItself, setsOneOf, type Written, writtenBy } from './knex-statements.ts';
import type { KnexTransactions } from './knex-transactions.ts';
import type { SaveHook } from './save-hook.ts';
import { ANY_WRITE, type Write } from './write.ts';

/** A stream of the rows that a statement returns. */
interface Stream {
  once(event: 'close', listener: () => void): unknown;
}

/** What a builder may write: tables of which none is told by its rows, and perhaps one that is. */
interface Statement {
  readonly may: readonly Write[];
  /** The first of them, if its rows may be told. */
  readonly table: Table | undefined;
  readonly kind: Written['kind'];
}

/** Reports what the builders of a Knex instance write. */
export class KnexListener implements ClientListener {
  readonly #hook: SaveHook;
  readonly #models: KnexModels;
  readonly #transactions: KnexTransactions;

  constructor(hook: SaveHook, models: KnexModels, transactions: KnexTransactions) {
    this.#hook = hook;
    this.#models = models;
    this.#transactions = transactions;
  }

  async running(builder: Builder, run: () => Promise<unknown>): Promise<unknown> {
    if (commitsByItself(builder)) this.#transactions.commitsByItself(builder.client);
    const statement = this.#statement(builder);
    if (statement === undefined) return run();
    const { may, table, kind } = statement;
    const open = this.#transactions.of(builder.client);
    const rows = table && rowsWritten(builder, kind, table, this.#models, this.#hook.bulk);
    try {
      await rows?.before();
    } catch (error) {
      // In a transaction, PostgreSQL refuses all that follows. Else the statement may do, and its type is bumped.
      if (open !== undefined) throw error;
    }
    const { result, saving } = await this.#hook.sending(may, open, run);
    await this.#hook.heard(await this.#told(may, table, rows, result), open, saving, `Knex ${kind}`);
    return result;
  }

  /** Handles a statement whose rows are streamed: it is over when the stream is closed. */
  streaming(builder: Builder, stream: (...args: unknown[]) => unknown, args: readonly unknown[]): unknown {
    const statement = this.#statement(builder);
    if (statement === undefined) return stream(...args);
    const open = this.#transactions.of(builder.client);
    // A transaction may be committed before the stream is closed.
    if (open !== undefined) void this.#hook.heard(statement.may, open, undefined, `Knex ${statement.kind}`);
    let closed: Promise<void> | undefined;
    const hear = () => {
      closed ??= this.#hook.heard(statement.may, open, undefined, `Knex ${statement.kind}`);
      closed.catch(() => undefined); // reported and retried; who awaits the stream gets it, too
      return closed;
    };
    const handed = args.map((arg) => {
      if (typeof arg !== 'function') return arg;
      return (made: Stream) => {
        made.once('close', hear);
        arg(made);
      };
    });
    const result = stream(...handed);
    if (result instanceof Promise) return result.finally(hear);
    (result as Stream).once('close', hear);
    return result;
  }

  beginning(client: Client, begin: (container: Container) => Transaction, container: Container): Transaction {
    return this.#transactions.begin(client, begin, container);
  }

  #statement(builder: Builder): Statement | undefined {
    const written = writtenBy(builder);
    if (written === undefined) return undefined;
    if (written.tables === undefined) return { may: [ANY_WRITE], table: undefined, kind: 'other' };
    const tables = written.tables.flatMap((table) => this.#models.of(table));
    const [table, ...others] = tables;
    const isKeyChange = tables.some(({ key }) => setsOneOf(builder, key));
    const going = written.isDeletion || written.kind === 'other' || isKeyChange ? this.#models.goingWith(tables) : [];
    const may = [...tables, ...going].map((each) => this.#models.write(each, undefined));
    if (!may.some(({ model }) => this.#hook.models.hears(model))) return undefined;
    return { may, table: others.length === 0 ? table : undefined, kind: written.kind };
  }

  async #told(
    may: readonly Write[],
    table: Table | undefined,
    rows: WrittenRows | undefined,
    result: unknown,
  ): Promise<readonly Write[]> {
    if (table === undefined || rows === undefined) return may;
    // The write has happened. If its rows cannot be read again, bump their type instead.
    const after = await rows.after(result).catch(() => undefined);
    return [this.#models.write(table, after), ...may.slice(1)];
  }
}
