import type { Identifier } from '../model/identity.ts';
import type { KnownModels } from '../model/known-models.ts';
import type { RowModel } from '../model/known-rows.ts';
import { isUnknown } from '../model/partial-row.ts';
import type { CacheSweeper } from '../sweeper.ts';
import type { HookedModel, SaveHookOptions } from './hook-options.ts';
import { claimPlaces, type Place } from './places.ts';
import type { Write } from './write.ts';

/** What an ORM knows beside its writes. */
export interface HookedOrm {
  readonly known: KnownModels;
  /** Returns the other models whose rows are in the table that a write was for. */
  relatives(write: Write): readonly Omit<Write, 'rows'>[];
}

/** The models of an ORM by name, with their classes if they have any. Several may have one name. */
export type NamedModels = readonly (readonly [name: string, modelClass: object | undefined])[];

/** What a hook knows of an ORM's models: from the ORM, and from the hook's options. */
export class HookModels {
  readonly tenant: string | undefined;
  readonly #sweeper: CacheSweeper;
  readonly #identifier: Identifier;
  readonly #models: ReadonlyMap<string, HookedModel>;
  readonly #excluded: ReadonlySet<string>;
  readonly #named: NamedModels;
  readonly #rowModels = new Map<string, RowModel>();
  #known: KnownModels = () => undefined;
  #relatives: HookedOrm['relatives'] = () => [];

  constructor(sweeper: CacheSweeper, identifier: Identifier, options: SaveHookOptions, named: NamedModels) {
    this.#sweeper = sweeper;
    this.#identifier = identifier;
    this.#models = new Map(Object.entries(options.models ?? {}));
    this.#excluded = new Set(options.exclude);
    this.#named = named;
    this.tenant = options.tenant;
  }

  /**
   * Tells the sweeper what the ORM and the options know of the models, and the hook which of them share a table.
   *
   * @throws CacheSweeperError CACHESWEEPER_TYPE_CONFLICT
   */
  learn({ known, relatives }: HookedOrm): void {
    this.#relatives = relatives;
    this.#known = known;
    // Known tables first: two classes of one table may be registered under one type.
    this.#identifier.learn(known);
    for (const [name, modelClass] of this.#named) {
      const { type, id, tenant } = this.#models.get(name) ?? {};
      const told = Object.entries({ type, id, tenant }).filter(([, value]) => value !== undefined);
      if (told.length === 0) continue;
      const model = typeof modelClass === 'function' ? modelClass : this.typeOf(name);
      this.#sweeper.register(model, Object.fromEntries(told));
    }
  }

  /** Makes the sweeper ask again for what it remembers of the ORM's models. */
  learnAgain(): void {
    this.#rowModels.clear();
    this.#identifier.forget();
  }

  /**
   * Refuses models whose rows come from two sources but would be taken for the same.
   *
   * @throws CacheSweeperError CACHESWEEPER_TYPE_CONFLICT
   */
  claim(claimed: readonly Place[]): void {
    claimPlaces(this.#identifier, claimed, (name) => {
      return this.tenant !== undefined || this.#models.get(name)?.tenant !== undefined;
    });
  }

  /** Names of the models whose writes are not heard. */
  get excluded(): ReadonlySet<string> {
    return this.#excluded;
  }

  hears(model: string): boolean {
    return !this.#excluded.has(model);
  }

  /** Returns the type of rows of a model without a class. */
  typeOf(model: string): string {
    return this.#models.get(model)?.type ?? model;
  }

  /** Tells the sweeper of which model a row is that is a plain object. */
  knows(row: object, model: string): void {
    this.#identifier.rows.add(row, this.#rowModel(model));
  }

  #rowModel(model: string): RowModel {
    let known = this.#rowModels.get(model);
    if (known === undefined) {
      const type = this.typeOf(model);
      const { id = this.#known(type)?.id, tenant } = this.#models.get(model) ?? {};
      const ofClient = this.tenant === undefined ? undefined : () => this.tenant;
      known = { type, id, tenant: tenant ?? ofClient, isHeard: this.hears(model) };
      this.#rowModels.set(model, known);
    }
    return known;
  }

  /** Returns the ORM's name of the model that templates know by this type, if it is one of the ORM's. */
  modelOf(type: string): string | undefined {
    for (const [name, told] of this.#models) if (told.type === type) return name;
    return this.typeOf(type) === type ? type : undefined;
  }

  /** Returns the other models whose rows are in the table that a write was for. */
  relativesOf(write: Write): ReturnType<HookedOrm['relatives']> {
    return this.#relatives(write);
  }

  /** An attribute that was not loaded does not tell whether it has changed, so the save counts. */
  using(model: string, row: object): { readonly using?: string } {
    const using = this.#models.get(model)?.using;
    return using === undefined || isUnknown((row as Readonly<Record<string, unknown>>)[using]) ? {} : { using };
  }
}
