import { AsyncLocalStorage } from 'node:async_hooks';

/**
 * How a step ends: `unknown`: not carried out; `lost`: carried out and not answered; `late`: carried out some time after it
 * was given up; `slow`: answered some time after it was carried out.
 */
export type Way = 'done' | 'unknown' | 'lost' | 'late' | 'slow';

/** What a step touches: two steps that touch nothing in common may change places without anybody noticing. */
export interface Touches {
  /** Whatever goes on in one process goes on in its memory. */
  readonly process?: string | undefined;
  readonly reads?: readonly string[];
  readonly writes?: readonly string[];
  /** Everybody looks at the clock. */
  readonly all?: boolean;
}

interface Step {
  readonly actor: string;
  /** The same in every order of steps. */
  readonly id: string;
  readonly touches: Touches;
  readonly ways: readonly Way[];
  readonly go: (way: Way) => void;
}

/** A step that could be the next one, and how it would end. */
export interface Choice {
  readonly id: string;
  readonly actor: string;
  readonly way: Way;
  readonly touches: Touches;
}

/** Takes one of several choices; undefined to give up this order of steps. */
export type Choose = (choices: readonly Choice[]) => Choice | undefined;

const actors = new AsyncLocalStorage<{ readonly name: string; steps: number }>();

/** Everything that waits until a scheduler says that it is its turn. */
export class Steps {
  /** Those that were taken, in order. */
  readonly taken: string[] = [];
  readonly #waiting = new Map<string, Step>();
  #faults: number;
  #isFree = false;

  /** @param faults how many steps may end in another way than done */
  constructor(faults: number) {
    this.#faults = faults;
  }

  /** Does something as one of those that are scheduled. */
  act<T>(name: string, run: () => Promise<T>): Promise<T> {
    return actors.run({ name, steps: 0 }, run);
  }

  /** Who is acting now. */
  get actor(): string | undefined {
    return actors.getStore()?.name;
  }

  /** Waits for its turn; resolved with the way in which the step ends. */
  turn(label: string, touches: Touches, ways: readonly Way[] = ['done']): Promise<Way> {
    if (this.#isFree) return Promise.resolve('done');
    const actor = actors.getStore() ?? { name: 'somebody', steps: 0 };
    const id = `${actor.name}.${actor.steps++} ${label}`;
    return new Promise((go) => void this.#waiting.set(id, { actor: actor.name, id, touches, ways, go }));
  }

  /** Runs what waits, one after the other, as `choose` says; false when it gave up. */
  async schedule(choose: Choose): Promise<boolean> {
    for (;;) {
      await quiet();
      if (this.#waiting.size === 0) return true;
      const choice = choose(this.#choices());
      if (choice === undefined) return false;
      this.#take(choice.id, choice.way);
    }
  }

  /** Lets everything run that waits now or later. */
  async free(): Promise<void> {
    this.#isFree = true;
    while (this.#waiting.size > 0) {
      for (const id of [...this.#waiting.keys()]) this.#take(id, 'done');
      await quiet();
    }
  }

  #choices(): Choice[] {
    const choices: Choice[] = [];
    for (const { id, actor, touches, ways } of this.#waiting.values()) {
      for (const way of ways) {
        if (way === 'done') choices.push({ id, actor, way, touches });
        // A fault that one step takes is not there for another.
        else if (this.#faults > 0) {
          choices.push({ id, actor, way, touches: { ...touches, writes: [...(touches.writes ?? []), 'faults'] } });
        }
      }
    }
    return choices;
  }

  #take(id: string, way: Way): void {
    const step = this.#waiting.get(id);
    if (step === undefined)
      throw new Error(`not deterministic: there is no step ${id} after\n${this.taken.join('\n')}`);
    this.#waiting.delete(id);
    if (way !== 'done') this.#faults--;
    this.taken.push(way === 'done' ? id : `${id} (${way})`);
    step.go(way);
  }
}

/** Whether two steps may change places. */
export function areIndependent(a: Choice, b: Choice): boolean {
  if (a.actor === b.actor || a.touches.all || b.touches.all) return false;
  if (a.touches.process !== undefined && a.touches.process === b.touches.process) return false;
  return !meet(a.touches, b.touches) && !meet(b.touches, a.touches);
}

function meet({ writes = [] }: Touches, other: Touches): boolean {
  return writes.some((name) => other.writes?.includes(name) || other.reads?.includes(name));
}

/** All that can go on without a step has gone on. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}
