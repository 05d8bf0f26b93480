import { Dependencies } from '../cache/dependencies.ts';
import type { ReadShape, RootKind } from '../reads/shape.ts';
import type { UncachedReason } from '../reporting/report.ts';

/** What a body looks up, as Nunjucks tells it. */
export interface Reading {
  /** A fragment in the body was compared by these: the body is too. */
  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void;
  /** A tag in the body says that an object is a row of a type. */
  typed(row: object, type: string): void;
}

/** A body that is being rendered: what it was made from is collected here. */
export class Frame {
  readonly parent: Frame | undefined;
  readonly dependencies: Dependencies = new Dependencies();
  /** Why it must not be stored. */
  uncached: UncachedReason | undefined;
  /** What is recorded of it; undefined where nothing has to be. */
  reading: Reading | undefined;

  constructor(parent?: Frame, uncached?: UncachedReason) {
    this.parent = parent;
    this.uncached = uncached;
  }

  /** Counts something as part of this body. */
  include(part: { readonly dependencies: Dependencies; readonly uncached: UncachedReason | undefined }): void {
    this.dependencies.addAll(part.dependencies);
    if (part.uncached !== undefined) this.uncached ??= 'contains uncached';
  }

  /** What a fragment was made from, the one around it was made from as well. */
  close(): void {
    this.parent?.include(this);
  }
}
