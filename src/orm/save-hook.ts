import type { SweepTransaction } from '../invalidation/transaction.ts';
import type { UncertainWrites } from '../invalidation/uncertain-writes.ts';
import type { OutboxWriter } from '../outbox/database.ts';
import { ownPartsOf } from '../sweeper/parts.ts';
import type { CacheSweeper } from '../sweeper.ts';
import { isDatabaseAnswer, isUnsent } from './database-answer.ts';
import { HookModels, type NamedModels } from './hook-models.ts';
import { checkOptions, HOOK, type SaveHookOptions } from './hook-options.ts';
import { HookOutbox, type Saving } from './hook-outbox.ts';
import { ToldWrites } from './told-writes.ts';
import type { Write } from './write.ts';

/** The part that the hooks of all ORMs share: it checks options and passes writes to the sweeper. */
export class SaveHook {
  readonly bulk: 'type' | 'rows';
  readonly models: HookModels;
  readonly #writes: ToldWrites;
  readonly #sweeper: CacheSweeper;
  readonly #strict: boolean;
  readonly #uncertain: UncertainWrites;
  readonly outbox: HookOutbox;

  /**
   * @param models the ORM's models by name, with their classes if they have any; several may have one name
   * @throws CacheSweeperError CACHESWEEPER_BAD_OPTION when an option has an unknown name or a wrong value
   */
  constructor(sweeper: CacheSweeper, options: SaveHookOptions, models: Iterable<NamedModels[number]>) {
    const named = [...models];
    checkOptions(sweeper, options, new Map(named));
    this.#sweeper = sweeper;
    this.#strict = options.strict ?? false;
    this.bulk = options.bulk ?? 'type';
    const { identifier, uncertain, outbox } = ownPartsOf(HOOK, sweeper);
    this.models = new HookModels(sweeper, identifier, options, named);
    this.#writes = new ToldWrites(this.models, identifier);
    this.#uncertain = uncertain;
    this.outbox = new HookOutbox(outbox);
  }

  /** @param parent for a savepoint: the transaction around it */
  begin(parent?: SweepTransaction): SweepTransaction {
    return this.#sweeper.beginTransaction({ parent, strict: this.#strict });
  }

  /**
   * Sends a query that writes. Outside of a transaction, the outbox gets before it what it may change: whoever dies behind it tells
   * nobody what it has changed.
   *
   * @param models what it may change
   * @param transaction where it is sent
   * @param own sends a statement on the connection that the query has. Default: it has none yet
   * @returns what the query has given, and what is to be passed to {@link heard}
   */
  async sending<T>(
    models: readonly Omit<Write, 'rows'>[],
    transaction: SweepTransaction | undefined,
    send: () => Promise<T>,
    own?: OutboxWriter,
  ): Promise<{ readonly result: T; readonly saving: Saving | undefined }> {
    const isAlone = openOf(transaction) === undefined;
    const saving = isAlone ? await this.outbox.begin(() => this.#namesOf(models), own) : undefined;
    try {
      return { result: await send(), saving };
    } catch (error) {
      // Otherwise it may be carried out later, so its row stays as that of a save that is under way.
      if (isDatabaseAnswer(error) || isUnsent(error)) this.outbox.left(saving);
      else if (isAlone) await this.#uncertain.add(this.#namesOf(models));
      throw error;
    }
  }

  /** Handles a COMMIT that has failed, of a transaction that is bumped now: without an answer, the database may carry it out later. */
  failedCommit(error: unknown, { names }: SweepTransaction): void {
    if (!isDatabaseAnswer(error)) this.#uncertain.again(names);
  }

  /** What a write of unknown rows bumps. */
  #namesOf(models: readonly Omit<Write, 'rows'>[]): ReadonlySet<string> {
    const all = this.begin();
    for (const write of this.#writes.told(models.map((model) => ({ ...model, rows: undefined }))))
      this.#writes.collect(write, all);
    return all.names;
  }

  /**
   * Passes all that one query wrote to the sweeper, as one bump: with one bump for each, a failure of the first would
   * keep the others from being sent.
   *
   * @param transaction where it was written; without one, or if it is over, the bump is sent at once
   * @param saving what {@link sending} gave
   * @param by what was done, for reports: `Sequelize update`
   */
  async heard(
    writes: readonly Write[],
    transaction: SweepTransaction | undefined,
    saving: Saving | undefined,
    by: string,
  ): Promise<void> {
    const told = this.#writes.told(writes);
    if (told.length === 0 && saving === undefined) return;
    const open = openOf(transaction);
    const into = open ?? this.begin();
    if (saving !== undefined) into.adopt(saving.row);
    into.because(by, () => {
      for (const write of told) this.#writes.collect(write, into);
    });
    if (open === undefined) await into.commit();
  }
}

/** The innermost transaction that is not over. */
function openOf(transaction: SweepTransaction | undefined): SweepTransaction | undefined {
  let open = transaction;
  while (open?.isOpen === false) open = open.parent;
  return open;
}
