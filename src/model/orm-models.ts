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

  /** Whether rows of this type are of several tenants: each has a client, or a schema, of its own. */
  hasTenants(classOrType: ModelClass | string): boolean {
    return this.#orms.some((models) => {
      const known = models(classOrType);
      return known?.tenant !== undefined || known?.hasTenants?.() === true;
    });
  }
}
