import { performance } from 'node:perf_hooks';

/**
 * Returns for how long the event loop has had nothing to do since the process began, in milliseconds. A wait that is measured by it does
 * not count the time in which this process was busy and could not have taken an answer.
 */
export function idleTime(): number {
  return performance.eventLoopUtilization().idle;
}
