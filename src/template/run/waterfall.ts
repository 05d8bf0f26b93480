type Step = (error?: unknown, ...results: unknown[]) => void;
type Task = (...args: unknown[]) => void;

const nothing: Step = () => {};

/**
 * Runs tasks one after the other. Each receives the results of the one before, and the last one calls the callback. An
 * error ends the sequence and goes to the callback, which is not called again.
 *
 * Compiled includes use this. Nunjucks' own `a-sync-waterfall` makes six functions and three arrays for each task, and
 * keeps the page alive until a full garbage collection (docs/performance.md, "Closures"). This one makes one function
 * for each task.
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
      // Fast path for includes, which call back with one result.
      if (results.length === 1) task(results[0], next);
      else task(...results, next);
    };
  };
  step(0)();
}
