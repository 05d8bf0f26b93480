/** The template of a hole, if it is another one than that of the fragment's tag. */
export interface HoleTemplate {
  /** How it was asked for. */
  readonly name: string;
  /** Path of the template that asked, against which relative names resolve. */
  readonly parent: string | undefined;
  /** Digest of its source. A hole in another version is another hole. */
  readonly digest: string;
}

/** A place in an entry's html that is filled anew for every page. */
export interface Hole {
  /** Where in the html it is, in characters. */
  readonly at: number;
  /** Undefined for the template of the tag. */
  readonly template: HoleTemplate | undefined;
  /** Number of the hole in its template, in the order of the source. */
  readonly ordinal: number;
  /** Values passed to it, as `writeVariables` writes them. */
  readonly values: string;
  /** Whether it sees the variables that stand around the tag, and not only those of the page. */
  readonly isFramed: boolean;
  /** Which of the page's variables it sees: none in a macro that is imported without context. */
  readonly sees: 'page' | 'nothing';
  /** Whether it stands in the same context as the tag, where macros and imports of its template are known. */
  readonly isInContext: boolean;
  /** What it must not read. */
  readonly bound: Bound;
}

/** Names with another value around a hole than where it is filled, with spaces between. */
export interface Bound {
  /** Those in the frames around it. */
  readonly inFrames: string;
  /** Those among the variables of its template, which a lookup finds where no frame has the name. */
  readonly inContext: string;
}

/** The holes of a page that is kept as a whole. */
export interface KeptHoles {
  readonly holes: readonly Hole[];
  /** Tells the environment that rendered it from others, whose templates of the same text may show something else. */
  readonly environment: string;
}

/** Most holes of one entry. Filling more takes longer than rendering what is around them. */
export const MAX_HOLES = 10_000;

/** Bytes of a hole beside its texts, rounded up. */
const OVERHEAD = 120;

/** Estimates the bytes that holes take in memory. Those of one entry share their templates' names, and equal names that are bound. */
export function holeBytes(holes: readonly Hole[]): number {
  let bytes = 0;
  for (const { values } of holes) bytes += OVERHEAD + values.length * 2;
  for (const { inFrames, inContext } of new Set(holes.map(({ bound }) => bound)))
    bytes += OVERHEAD + (inFrames.length + inContext.length) * 2;
  return bytes;
}

type Written = readonly [
  at: number,
  template: number,
  ordinal: number,
  values: string,
  isFramed: boolean,
  sees: Hole['sees'],
  isInContext: boolean,
  bound: number,
];

/** Returns holes as JSON can hold them: the templates and the names that are bound, each once, then the holes. Zero for none. */
export function writeHoles(holes: readonly Hole[]): unknown {
  if (holes.length === 0) return 0;
  const templates: (readonly [string, string | undefined, string])[] = [];
  const numbers = new Map<string, number>();
  const numberOf = ({ name, parent, digest }: HoleTemplate): number => {
    const key = JSON.stringify([name, parent, digest]);
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, templates.push([name, parent, digest]) - 1);
    return templates.length - 1;
  };
  const bounds = [...new Set(holes.map(({ bound }) => bound))];
  const written = holes.map(
    ({ at, template, ordinal, values, isFramed, sees, isInContext, bound }): Written => [
      at,
      template === undefined ? -1 : numberOf(template),
      ordinal,
      values,
      isFramed,
      sees,
      isInContext,
      bounds.indexOf(bound),
    ],
  );
  return [templates, bounds.map(({ inFrames, inContext }) => [inFrames, inContext]), written];
}

/**
 * Reads what {@link writeHoles} wrote; undefined for anything else, because a store may return anything.
 *
 * @param areValues whether a text has the form of passed values
 */
export function readHoles(
  written: unknown,
  html: string,
  areValues: (text: string) => boolean,
): readonly Hole[] | undefined {
  if (written === 0) return NONE;
  if (!Array.isArray(written) || written.length !== 3) return undefined;
  const [templates, names, list] = written as unknown[];
  if (!Array.isArray(templates) || !Array.isArray(names) || !Array.isArray(list)) return undefined;
  if (list.length === 0 || list.length > MAX_HOLES) return undefined;
  const known = templates.map(readTemplate);
  const bounds = names.map(readBound);
  if (known.includes(undefined) || bounds.includes(undefined)) return undefined;
  const holes: Hole[] = [];
  let last = 0;
  for (const one of list as unknown[]) {
    if (!Array.isArray(one)) return undefined;
    const [at, template, ordinal, values, isFramed, sees, isInContext, bound] = one as unknown as Written;
    const isSound =
      isIndex(at) &&
      at >= last &&
      at <= html.length &&
      isIndex(ordinal) &&
      (template === -1 || (isIndex(template) && template < known.length)) &&
      typeof values === 'string' &&
      areValues(values) &&
      typeof isFramed === 'boolean' &&
      (sees === 'page' || sees === 'nothing') &&
      typeof isInContext === 'boolean' &&
      isIndex(bound) &&
      bound < bounds.length;
    if (!isSound) return undefined;
    last = at;
    const hole = { at, template: known[template], ordinal, values, isFramed, sees, isInContext };
    holes.push({ ...hole, bound: bounds[bound] as Bound });
  }
  return holes;
}

const NONE: readonly never[] = [];

function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function readBound(written: unknown): Bound | undefined {
  if (!Array.isArray(written) || written.length !== 2) return undefined;
  const [inFrames, inContext] = written as unknown[];
  return typeof inFrames === 'string' && typeof inContext === 'string' ? { inFrames, inContext } : undefined;
}

function readTemplate(written: unknown): HoleTemplate | undefined {
  if (!Array.isArray(written) || written.length !== 3) return undefined;
  const [name, parent, digest] = written as unknown[];
  if (typeof name !== 'string' || typeof digest !== 'string') return undefined;
  if (parent !== null && parent !== undefined && typeof parent !== 'string') return undefined;
  return { name, parent: parent ?? undefined, digest };
}
