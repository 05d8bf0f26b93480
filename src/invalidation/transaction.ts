import type { Uncommitted } from '../cache/uncommitted.ts';
import { CacheSweeperError } from '../errors.ts';
import { BoundedNames } from '../model/bounded-names.ts';
import type { Identifier } from '../model/identity.ts';
import { EVERYTHING } from '../model/names.ts';
import { partialRow } from '../model/partial-row.ts';
import type { OutboxDatabase, OutboxWriter } from '../outbox/database.ts';
import type { InsertedRow, Outbox } from '../outbox/outbox.ts';
import type { Ambient } from '../render/ambient.ts';
import { badOption } from '../util/check-option.ts';
import { describe } from '../util/describe.ts';
import { BumpedNames } from './bumped-names.ts';
import { type Causes, withCauses } from './causes.ts';
import { type Changes, CollectedChanges, changesOf, type InvalidateOptions, unconditional } from './changes.ts';
import { OutboxRows } from './outbox-rows.ts';

/** Options of {@link CacheSweeper.transaction} and {@link CacheSweeper.beginTransaction}. */
export interface TransactionOptions {
  /**
   * Consequence of a bump, after the commit, that the store does not acknowledge. `false` (the default): it is reported
   * to `onError`. `true`: the promise rejects as well. Either way the bump is retried in the background.
   */
  readonly strict?: boolean;
}

/** Options of {@link CacheSweeper.beginTransaction}. */
export interface BeginOptions extends TransactionOptions {
  /** For a savepoint: the transaction around it, which takes over its changes when it is committed. Default: none. */
  readonly parent?: SweepTransaction | undefined;
}

/** The part of a sweeper that a transaction uses. */
export interface TransactionOwner {
  readonly identifier: Identifier;
  /** Undefined without the option `causes`. */
  readonly causes: Causes | undefined;
  /** Undefined if no row is to be written anywhere. */
  readonly outbox: Outbox | undefined;
  deliver(changes: Changes): Promise<void>;
  report(error: unknown): void;
}

/**
 * Collects the changes of one database transaction. They are bumped when the outermost transaction is committed, and
 * dropped when this one is rolled back.
 */
export class SweepTransaction implements Uncommitted {
  readonly parent: SweepTransaction | undefined;
  readonly #owner: TransactionOwner;
  readonly #running: Ambient<SweepTransaction>;
  readonly #strict: boolean;
  readonly #changes = new CollectedChanges();
  /**
   * Names changed in this transaction and in those around and inside it, committed or not. None is ever removed: a
   * render under way may have read the rows already.
   */
  readonly #seen: BoundedNames;
  #state: 'open' | 'delivering' | 'committed' | 'rolled back' = 'open';
  #failure: { readonly error: unknown } | undefined;
  readonly #rows: OutboxRows;
  /** What is being done that changes models, for reports. */
  #doing = 'invalidateCacheFor';

  /** @param around transaction that the running code is in; pages rendered there read the changes of this one */
  constructor(
    owner: TransactionOwner,
    running: Ambient<SweepTransaction>,
    around: SweepTransaction | undefined,
    { parent, strict = false }: BeginOptions,
  ) {
    this.#owner = owner;
    this.#running = running;
    this.parent = parent;
    this.#strict = strict;
    this.#rows = new OutboxRows(owner.outbox);
    const outer = parent ?? around;
    this.#seen = outer === undefined ? new BoundedNames() : outer.#seen;
  }

  get isOver(): boolean {
    return this.#state === 'committed' || this.#state === 'rolled back';
  }

  /** Whether changes can still be added; they will be bumped at the commit. */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  hasChanged(name: string): boolean {
    return this.#seen.names.has(name);
  }

  /**
   * Adds changes of models, to be bumped as {@link CacheSweeper.invalidateCacheFor} does. `touches` runs at once.
   *
   * @throws CacheSweeperError CACHESWEEPER_TRANSACTION_OVER; CACHESWEEPER_NO_IDENTITY, CACHESWEEPER_TYPE_CONFLICT,
   * CACHESWEEPER_BAD_KEY or CACHESWEEPER_BAD_OPTION as invalidateCacheFor
   */
  readonly invalidateCacheFor = (models: unknown, options: InvalidateOptions = {}): void => {
    if (this.#state !== 'open') {
      throw new CacheSweeperError(
        'CACHESWEEPER_TRANSACTION_OVER',
        `invalidateCacheFor() of a transaction that is ${this.#state}: nothing would be bumped. Await all that is done in ` +
          'its callback, or call sweeper.invalidateCacheFor()',
      );
    }
    this.collect(changesOf(this.#owner.identifier, Array.isArray(models) ? models : [models], options));
  };

  /**
   * Adds a change of unknown rows: bumps the type as a whole, and all types that its rows may touch.
   *
   * @param model the class, or the name of the type
   * @param rows what is known of the rows. Default: nothing
   */
  readonly invalidateAllOf = (
    model: unknown,
    rows: readonly { readonly now: object; readonly previous?: object | undefined }[] = [{ now: partialRow({}) }],
  ): void => {
    const { identifier } = this.#owner;
    const bumped = new BumpedNames(identifier);
    // Rows of a class may be known by another type than the class.
    const told = typeof model === 'string' ? [] : rows.map(({ now }) => identifier.toldType(now));
    for (const type of new Set([identifier.identity(model).type, ...told])) {
      if (type !== undefined) bumped.addType(type, rows);
    }
    this.collect({ names: bumped.names, conditional: new Map() });
  };

  /** Adds a change of which nobody knows what it is: bumps everything at the commit. */
  invalidateAll(): void {
    this.collect({ names: new Set([EVERYTHING]), conditional: new Map() });
  }

  /** Handles a change that could not be read: reports the error, and bumps everything at the commit. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#owner.report(error);
    this.invalidateAll();
  }

  /**
   * Says what changed the models of which a function tells this transaction, for reports.
   *
   * @param by such as `Sequelize update`; at most 200 characters of it are kept
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when `by` is no text; what `tell` throws
   */
  because(by: string, tell: () => void): void {
    if (typeof by !== 'string' || by === '')
      throw badOption('because()', 'a text that says what was done', describe(by));
    const before = this.#doing;
    this.#doing = by;
    try {
      tell();
    } finally {
      this.#doing = before;
    }
  }

  collect(changes: Changes): void {
    this.#rows.collected();
    this.#add(changes);
  }

  #add(changes: Changes): void {
    this.#changes.add(withCauses(changes, this.#owner.causes, this.#doing));
    for (const name of changes.names) this.#seen.add(name);
    for (const { names } of changes.conditional.values()) for (const name of names) this.#seen.add(name);
  }

  /**
   * Writes what was collected to the outbox, in the database's transaction: call it last in there, before the commit, with what
   * sends a statement in it. If this process dies after the commit, another one bumps it. Does nothing without the option
   * `outbox`, without a store, or if there is nothing new.
   *
   * @param writer a Knex transaction, or a function that sends a statement without parameters. It is called before this returns,
   * so that a driver without promises needs no `await`
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION; the database's own errors: let them fail the transaction
   *
   * @example
   * await transaction.writeOutbox((sql) => client.query(sql));
   */
  readonly writeOutbox = async (writer: OutboxWriter): Promise<void> => {
    const { raw } = (writer ?? {}) as { readonly raw?: unknown };
    if (typeof writer !== 'function' && typeof raw !== 'function') {
      throw badOption('writeOutbox()', 'a Knex transaction, or a function that sends a statement', describe(writer));
    }
    await this.prepareCommit(writer, undefined);
  };

  /** The same, where it is known which database the statement is sent to. */
  async prepareCommit(writer: OutboxWriter, database: OutboxDatabase | undefined): Promise<void> {
    if (this.#state === 'open') await this.#rows.write(() => this.names, writer, database);
  }

  /** Takes over a row that was written to the outbox before the save. */
  adopt(row: InsertedRow): void {
    this.#rows.adopt(row);
  }

  /**
   * Leaves what was written to the polls, where the database may commit after {@link commit} was called: the bump could come too
   * early then.
   */
  leaveRows(): void {
    this.#rows.leave();
  }

  /** All names that have been collected. */
  get names(): ReadonlySet<string> {
    return unconditional(this.#changes).names;
  }

  /** Runs a function inside. In pages that it renders, fragments of changed models are rendered uncached. */
  run<T>(inside: () => T): T {
    return this.#running.run(this, inside);
  }

  /**
   * Call this when the database has committed. Bumps the changes; a nested transaction hands them to the one around it.
   *
   * @throws CacheSweeperError CACHESWEEPER_BUMP_FAILED, with `strict`
   */
  async commit(): Promise<void> {
    if (this.#state !== 'open') return;
    const { parent } = this;
    if (parent !== undefined && (parent.#state === 'open' || parent.#state === 'rolled back')) {
      this.#state = 'committed';
      parent.#add(this.#changes);
      parent.#rows.takeOver(this.#rows);
      parent.#failure ??= this.#failure;
      return;
    }
    const late = this.#rows.lateChanges();
    if (late !== undefined) this.#owner.report(late);
    this.#state = 'delivering';
    try {
      // Many transactions only read, the hooks' own among them.
      if (!this.#changes.isEmpty) await this.#owner.deliver(this.#changes);
      // Only what the store has acknowledged can go. The polls bump what stays.
      this.#rows.remove();
    } catch (error) {
      this.#rows.settle(() => this.names);
      if (this.#strict) this.#failure ??= { error };
      else this.#owner.report(error);
    } finally {
      this.#state = 'committed';
    }
    if (this.#strict && this.#failure !== undefined) throw this.#failure.error;
  }

  /** Call this when the database has rolled back. Drops the changes, because no other connection ever saw them. */
  rollback(): void {
    if (this.#state !== 'open') return;
    this.#state = 'rolled back';
    this.#rows.settle(() => this.names);
  }
}
