import type { KnownModel, KnownModels, ModelClass } from './known-models.ts';

/** What the ORMs that a sweeper listens to know of their models. */
export class OrmModels {
  readonly #orms: KnownModels[] = [];
  /** What they know of classes. That they do not know one is not remembered: it may be defined later. */
  #classes = new WeakMap<ModelClass, KnownModel>();

  get isEmpty(): boolean {
    return this.#orms.length === 0;
  }

  add(models: KnownModels): void {
    this.#orms.push(models);
    this.forget();
  }

  /** Forgets what was remembered of classes, because it has changed. */
  forget(): void {
    this.#classes = new WeakMap();
  }

  of(classOrType: ModelClass | string): KnownModel | undefined {
    if (this.isEmpty) return undefined;
    const remembered = typeof classOrType === 'string' ? undefined : this.#classes.get(classOrType);
    if (remembered !== undefined) return remembered;
    for (const models of this.#orms) {
      const known = models(classOrType);
      if (known === undefined) continue;
      if (typeof classOrType !== 'string') this.#classes.set(classOrType, known);
      return known;
    }
    return undefined;
  }

  /** Whether a client of its own has rows of this type for each tenant. */
  hasTenants(type: string): boolean {
    return this.#orms.some((models) => models(type)?.tenant !== undefined);
  }
}
