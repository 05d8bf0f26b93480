import { channel } from 'node:diagnostics_channel';
import type { Settings } from './options.ts';
import type { RenderReport } from './reporting/report.ts';
import { describe } from './util/describe.ts';

const renderChannel = channel('nunjucks-cachesweeper:render');
const errorChannel = channel('nunjucks-cachesweeper:error');

/** Passes reports and errors to the options `onRender` and `onError` and to `diagnostics_channel`. */
export class Listeners {
  readonly #settings: Pick<Settings, 'onRender' | 'onError'>;

  constructor(settings: Pick<Settings, 'onRender' | 'onError'>) {
    this.#settings = settings;
  }

  rendered(report: RenderReport): void {
    if (renderChannel.hasSubscribers) renderChannel.publish(report);
    try {
      // It may be asynchronous in spite of its type.
      const returned: unknown = this.#settings.onRender?.(report);
      if (returned instanceof Promise) returned.catch(this.failed);
    } catch (error) {
      this.failed(error);
    }
  }

  /** Reports an error of work that no caller waits for. */
  readonly failed = (error: unknown): void => {
    if (errorChannel.hasSubscribers) errorChannel.publish(error);
    try {
      if (this.#settings.onError !== undefined) this.#settings.onError(error);
      else process.emitWarning(error instanceof Error ? error : new Error(`onRender threw ${describe(error)}`));
    } catch (second) {
      process.emitWarning(second instanceof Error ? second : new Error(`onError threw ${describe(second)}`));
    }
  };
}
