/** Leaves a bump alone that no caller waits for. If it fails it is retried, and `bumpsWaiting` of the statistics counts it. */
export function unawaited(told: Promise<void> | undefined): void {
  told?.catch(() => {});
}
