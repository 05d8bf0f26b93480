type Step = (error?: unknown, ...results: unknown[]) => void;
type Task = (...args: unknown[]) => void;

const nothing: Step = () => {};

/**
 * Runs tasks one after the other, each with what the one before called back with; the last one calls the callback. An
 * error ends it, and goes to the callback, which then is not called again.
 *
 * Compiled includes are made of this: Nunjucks leaves it to `a-sync-waterfall`, which makes six functions and three arrays
 * for each task, and keeps the page until a full collection (docs/performance.md, "TemplateDigests"). Here it is one function.
 */
export function waterfall(tasks: readonly Task[], callback?: Step | null | false): void {
  let done = callback || nothing;
  const step = (index: number): Step => {
    if (index >= tasks.length) return done;
    return (error, ...results) => {
      if (error) {
        const failed = done;
        done = nothing;
        failed(error, ...results);
        return;
      }
      const task = tasks[index] as Task;
      const next = step(index + 1);
      // What includes do, without putting arguments together.
      if (results.length === 1) task(results[0], next);
      else task(...results, next);
    };
  };
  step(0)();
}
