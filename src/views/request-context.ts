import { AsyncResource } from 'node:async_hooks';
import { currentPart, currentVisit } from '../render/ambient.ts';

/**
 * Returns what runs functions for the view, and with the visitor's variables, that the running code belongs to. A database
 * driver may call back in another asynchronous context, and a page rendered there still belongs to its request.
 */
export function requestContext(): <T>(run: () => T) => T {
  const context = new AsyncResource('NUNJUCKS_CACHESWEEPER_VIEW');
  const part = currentPart();
  const visit = currentVisit();
  return (run) => {
    const isHere = currentPart() === part && currentVisit() === visit;
    return isHere ? run() : context.runInAsyncScope(run);
  };
}
