import type { BlockFunction } from '../compile/hole-blocks.ts';
import { asyncBody } from './async-body.ts';
import type { Spot } from './hole-spot.ts';

/** Runs a compiled block and returns its html. */
export function runBlock(block: BlockFunction, spot: Pick<Spot, 'environment' | 'page' | 'context' | 'frame'>): string {
  const { environment, page, context, frame } = spot;
  let html: string | undefined;
  let failure: { readonly error: unknown } | undefined;
  block(page.ownEnvironment, context, frame, environment.newRuntime(context), (error, result) => {
    if (error) failure ??= { error };
    else html ??= String(result);
  });
  if (failure !== undefined) throw failure.error;
  if (html !== undefined) return html;
  // A template is being loaded, and the next pass has it.
  if (page.render.isOpen) return page.render.leaveOut();
  throw asyncBody();
}
