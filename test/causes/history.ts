interface Change {
  readonly name: string;
  readonly request: string;
  readonly begun: number;
  done: number;
}

/** What requests have changed, in the order in which they were sent and answered. Some run at the same time. */
export class History {
  readonly #changes: Change[] = [];
  #moment = 0;

  /** Returns a moment, later than all before. */
  now(): number {
    return ++this.#moment;
  }

  get length(): number {
    return this.#changes.length;
  }

  /** Notes that a request changes what has this name. */
  async change(name: string, request: string, send: () => Promise<void>): Promise<void> {
    const one: Change = { name, request, begun: this.now(), done: Number.POSITIVE_INFINITY };
    this.#changes.push(one);
    await send();
    one.done = this.now();
  }

  /** Returns the requests that have changed one of these since a moment, where none runs at the same time as another. */
  since(names: readonly string[], moment: number): readonly string[] {
    return this.#changes
      .filter(({ name, begun }) => names.includes(name) && begun > moment)
      .map(({ request }) => request);
  }

  /** Returns the requests that may have been the last one to change this when another, from one moment to another, has read its token. */
  possible(name: string, begun: number, ended: number): readonly string[] {
    const ofName = this.#changes.filter((each) => each.name === name && each.begun < ended);
    const before = Math.max(0, ...ofName.filter(({ done }) => done < begun).map((each) => each.begun));
    return ofName.filter(({ done }) => done > before).map(({ request }) => request);
  }
}
