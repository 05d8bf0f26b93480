type Values = Readonly<Record<string, unknown>>;

/** Levels below a variable, and properties in all, that are looked at. Pages have more only in models and lists of rows. */
const MAX_DEPTH = 3;
const MAX_PROPERTIES = 2_000;

/** The variables of a page at one moment: which of them were changed later? */
export class Variables {
  readonly #values: Values;
  /** Plain objects and lists among the variables, with what they held. */
  readonly #held: { readonly name: string; readonly object: object; readonly values: Values }[] = [];
  #left = MAX_PROPERTIES;

  constructor(values: Values) {
    this.#values = { ...values };
    for (const [name, value] of Object.entries(values)) this.#look(name, value, MAX_DEPTH);
  }

  /** Returns the names of variables that are others now, or hold something else. */
  changed(now: Values): ReadonlySet<string> {
    const all = new Set([...Object.keys(this.#values), ...Object.keys(now)]);
    const names = new Set([...all].filter((name) => !Object.is(this.#values[name], now[name])));
    for (const { name, object, values } of this.#held) if (!isSame(values, dataOf(object))) names.add(name);
    return names;
  }

  #look(name: string, value: unknown, depth: number): void {
    if (depth === 0 || !isPlain(value)) return;
    const values = dataOf(value);
    const all = Object.values(values);
    this.#left -= all.length;
    if (this.#left < 0) return;
    this.#held.push({ name, object: value, values });
    for (const one of all) this.#look(name, one, depth - 1);
  }
}

/** Returns what an object holds, without what it would have to make. */
function dataOf(object: object): Values {
  const values: Record<string, unknown> = {};
  for (const key of Object.keys(object)) values[key] = Object.getOwnPropertyDescriptor(object, key)?.value;
  return values;
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false;
  const parent: unknown = Object.getPrototypeOf(value);
  return parent === Object.prototype || parent === null || Array.isArray(value);
}

function isSame(one: Values, other: Values): boolean {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.is(one[name], other[name]));
}
