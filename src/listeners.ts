import { channel } from 'node:diagnostics_channel';
import type { Settings } from './options.ts';
import type { RenderReport } from './reporting/report.ts';
import { describe } from './util/describe.ts';

const renderChannel = channel('nunjucks-cachesweeper:render');
const errorChannel = channel('nunjucks-cachesweeper:error');

type OnRender = (report: RenderReport) => void;

/** Passes reports and errors to the options `onRender` and `onError`, to what was added, and to `diagnostics_channel`. */
export class Listeners {
  readonly #onError: Settings['onError'];
  readonly #onRender: Set<OnRender>;

  constructor({ onRender, onError }: Pick<Settings, 'onRender' | 'onError'>) {
    this.#onError = onError;
    this.#onRender = new Set(onRender && [onRender]);
  }

  /** Adds a listener beside the option `onRender`. Returns a function that takes it away again. */
  onRender(listener: OnRender): () => void {
    this.#onRender.add(listener);
    return () => this.#onRender.delete(listener);
  }

  rendered(report: RenderReport): void {
    if (renderChannel.hasSubscribers) renderChannel.publish(report);
    for (const listener of this.#onRender) {
      try {
        // It may be asynchronous in spite of its type.
        const returned: unknown = listener(report);
        if (returned instanceof Promise) returned.catch(this.failed);
      } catch (error) {
        this.failed(error);
      }
    }
  }

  /** Reports an error of work that no caller waits for. */
  readonly failed = (error: unknown): void => {
    if (errorChannel.hasSubscribers) errorChannel.publish(error);
    try {
      if (this.#onError !== undefined) this.#onError(error);
      else process.emitWarning(error instanceof Error ? error : new Error(`onRender threw ${describe(error)}`));
    } catch (second) {
      process.emitWarning(second instanceof Error ? second : new Error(`onError threw ${describe(second)}`));
    }
  };
}
