import { Body, type BodyPart } from '../render/body.ts';

/** A whole view while its handler runs. Several renders may add to it, each with the tokens that it read. */
export class ViewBody extends Body {
  override include(part: BodyPart): void {
    for (const [name, token] of part.dependencies.tokens) {
      const known = this.dependencies.tokens.get(name);
      // Two renders saw different tokens: one shows the state before a bump, the other the state after.
      if (known !== undefined && known !== token) this.uncached ??= 'bumped meanwhile';
    }
    // Take the part's own reason first; it says more than the generic one that `include` sets.
    this.uncached ??= part.uncached;
    super.include(part);
  }
}
