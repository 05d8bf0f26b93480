/** Returns a row for each server in the statistics of a store: its name, its state, and counts. */
export function serversIn(stats: object, name = 'store'): readonly (readonly string[])[] {
  if ('state' in stats) {
    const counts = ['failures', 'refused', 'dropped'].map(
      (count) => (stats as Readonly<Record<string, unknown>>)[count],
    );
    return [[name, String(stats.state), ...counts.map((count) => String(count ?? ''))]];
  }
  return Object.entries(stats).flatMap(([key, value]) =>
    typeof value === 'object' && value !== null ? serversIn(value, key) : [],
  );
}
