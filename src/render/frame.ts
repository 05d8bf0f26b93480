import { Dependencies } from '../fragment/dependencies.ts';
import type { UncachedReason } from './report.ts';

/** A body that is being rendered: what it was made from is collected here. */
export class Frame {
  readonly parent: Frame | undefined;
  readonly dependencies: Dependencies = new Dependencies();
  /** Why it must not be stored. */
  uncached: UncachedReason | undefined;

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
