import type { BlockFunction } from '../compile/hole-blocks.ts';
import type { Context, Frame, Runtime } from '../nunjucks.ts';
import { asyncBody } from './async-body.ts';
import type { Page } from './page.ts';

/** Runs a compiled block and returns its html. */
export function runBlock(block: BlockFunction, page: Page, context: Context, runtime: Runtime, frame: Frame): string {
  let html: string | undefined;
  let failure: { readonly error: unknown } | undefined;
  try {
    block(page.ownEnvironment, context, frame, runtime, (error, result) => {
      if (error) failure ??= { error };
      else html ??= String(result);
    });
  } catch (error) {
    // Code behind an include runs on after an error, in the wrong frame. Its own errors follow from that.
    failure ??= { error };
  }
  if (failure !== undefined) throw failure.error;
  if (html !== undefined) return html;
  // A template is being loaded, and the next pass has it.
  if (page.render.isOpen) return page.render.leaveOut();
  throw asyncBody();
}
