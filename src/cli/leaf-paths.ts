/** Returns paths in readable form, sorted and each once, without those of which something below is among them. */
export function leafPaths(paths: Iterable<string>): readonly string[] {
  const sorted = [...new Set(paths)].sort();
  return sorted.filter((path) => !sorted.some((other) => other.startsWith(`${path}.`) || other.startsWith(`${path}[`)));
}
