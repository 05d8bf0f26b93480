import { areIndependent, type Choice, type Choose } from './steps.ts';

/** A place where the order of steps could have gone on otherwise. */
interface Fork {
  readonly options: readonly Choice[];
  /** Which of them is being tried. */
  trying: number;
  /** Choices whose orders were all tried elsewhere. */
  readonly asleep: readonly Choice[];
}

/**
 * Tries every order of steps: depth first, each time from the start. Orders that differ only in the places of steps that
 * have nothing to do with each other are tried once (sleep sets; P. Godefroid, "Partial-Order Methods for the
 * Verification of Concurrent Systems", LNCS 1032, 1996).
 *
 * @param run runs all steps in the order that it is told; false ends the search
 * @returns how many orders were tried to their end, and whether those were all
 */
export async function everyOrder(
  run: (choose: Choose) => Promise<boolean>,
  limit = Number.POSITIVE_INFINITY,
): Promise<{ readonly orders: number; readonly complete: boolean }> {
  const forks: Fork[] = [];
  let orders = 0;
  do {
    let depth = 0;
    let asleep: readonly Choice[] = [];
    let isNew = true;
    const goOn = await run((choices) => {
      const fork = forks[depth++] ?? { options: choices.filter((choice) => !has(asleep, choice)), trying: 0, asleep };
      if (depth > forks.length) forks.push(fork);
      const chosen = fork.options[fork.trying];
      if (chosen === undefined) {
        isNew = false;
        return undefined;
      }
      asleep = [...fork.asleep, ...fork.options.slice(0, fork.trying)].filter((other) => areIndependent(other, chosen));
      return chosen;
    });
    if (isNew) orders++;
    if (!goOn || orders >= limit) return { orders, complete: false };
    for (let last = forks.at(-1); last !== undefined && ++last.trying >= last.options.length; last = forks.at(-1)) {
      forks.pop();
    }
  } while (forks.length > 0);
  return { orders, complete: true };
}

function has(choices: readonly Choice[], { id, way }: Choice): boolean {
  return choices.some((each) => each.id === id && each.way === way);
}
