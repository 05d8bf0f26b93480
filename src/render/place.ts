/** The place of a tag: its template, and its number and line there. */
export interface Place {
  readonly template: string;
  readonly digest: string;
  readonly ordinal: number;
  readonly line: number;
  /**
   * Paths of private values that the tag's arguments name, so its body may read them. If there are any, reports show
   * none of its html.
   */
  readonly allowed: readonly (readonly string[])[];
  /** Paths in `except=`, which are not compared. */
  readonly except: readonly (readonly string[])[];
}

/** The values of a fragment tag's arguments. */
export interface Operands {
  /** A model, or a list of models. */
  readonly model: unknown;
  readonly ttl: unknown;
  /** When the fragment expires at the latest, beside its ttl; null or undefined for no such time. */
  readonly until: unknown;
  /** How long it may be served after its ttl while somebody makes it anew; null or undefined for not at all. */
  readonly stale: unknown;
  readonly keys: readonly unknown[];
  readonly type: unknown;
  readonly using: unknown;
}
