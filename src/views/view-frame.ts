import type { Dependencies } from '../cache/dependencies.ts';
import { Frame } from '../render/frame.ts';
import type { UncachedReason } from '../reporting/report.ts';

/** A whole view while its handler runs: several renders may report to it, each with the tokens that it knew. */
export class ViewFrame extends Frame {
  override include(part: { readonly dependencies: Dependencies; readonly uncached: UncachedReason | undefined }): void {
    for (const [name, token] of part.dependencies.tokens) {
      const known = this.dependencies.tokens.get(name);
      // One part shows what was before a bump, another what came after it.
      if (known !== undefined && known !== token) this.uncached ??= 'bumped meanwhile';
    }
    // A reason of its own says more than that something inside had one.
    this.uncached ??= part.uncached;
    super.include(part);
  }
}
