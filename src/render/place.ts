/** Where a tag stands. */
export interface Place {
  readonly template: string;
  readonly digest: string;
  readonly ordinal: number;
  readonly line: number;
  /** Private values that its arguments name: where there are some, nothing of its html may be shown to others. */
  readonly allowed: readonly (readonly string[])[];
  /** Paths that are not compared, because its author said so. */
  readonly except: readonly (readonly string[])[];
}

/** The values of a fragment tag's arguments. */
export interface Operands {
  /** A model, or a list of models. */
  readonly model: unknown;
  readonly ttl: unknown;
  readonly keys: readonly unknown[];
  readonly type: unknown;
  readonly using: unknown;
}
