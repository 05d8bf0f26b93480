/** Keys in one command. Redis does nothing else while it carries one out, and Lua takes no more than 8,000 values at once. */
const BATCH = 500;

/** Redis refuses a ttl that ends after its calendar. */
const MAX_TTL = 1_000_000_000;

/**
 * Runs a job for each part of a list, all at once.
 *
 * @throws the first error, when all have ended: what one part has learnt counts even if another fails
 */
export async function inBatches<T>(
  list: readonly T[],
  job: (batch: readonly T[], first: number) => Promise<void>,
  size: number = BATCH,
): Promise<void> {
  if (list.length <= size) return job(list, 0);
  const jobs: Promise<void>[] = [];
  for (let first = 0; first < list.length; first += size) jobs.push(job(list.slice(first, first + size), first));
  for (const result of await Promise.allSettled(jobs)) if (result.status === 'rejected') throw result.reason;
}

/** A ttl as Redis takes it: whole seconds, `0` for none. */
export function seconds(ttl: number): string {
  return String(Math.min(Math.max(0, Math.ceil(ttl)), MAX_TTL));
}
