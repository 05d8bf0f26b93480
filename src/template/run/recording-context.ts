import type { Context } from '../nunjucks.ts';

/** Called with each variable that a function looks up in its context. */
export interface ContextReads {
  read(name: string, value: unknown): void;
  /**
   * The function asked whether an undefined variable exists. The record of a read does not tell a missing variable from
   * one without a value.
   */
  unsure(name: string): void;
  /** The function asked for the names of all variables. */
  all(): void;
}

/** Makes a context that records lookups. Variables that a function sets in it are set in the real one. */
export function recordingContext(context: Context, reads: ContextReads): Context {
  const ask = (ctx: Record<string, unknown>, name: string): void => {
    if (ctx[name] === undefined) reads.unsure(name);
    reads.read(name, ctx[name]);
  };
  const recorded = new Proxy(context.ctx, {
    get(ctx, name, receiver) {
      const value: unknown = Reflect.get(ctx, name, receiver);
      if (typeof name === 'string') reads.read(name, value);
      return value;
    },
    has(ctx, name) {
      if (typeof name === 'string') ask(ctx, name);
      return name in ctx;
    },
    getOwnPropertyDescriptor(ctx, name) {
      if (typeof name === 'string') ask(ctx, name);
      return Reflect.getOwnPropertyDescriptor(ctx, name);
    },
    ownKeys(ctx) {
      reads.all();
      return Reflect.ownKeys(ctx);
    },
  });
  return Object.create(context, {
    ctx: { value: recorded },
    lookup: {
      value(name: string) {
        const value = context.lookup(name);
        reads.read(name, value);
        return value;
      },
    },
    getVariables: { value: () => recorded },
  }) as Context;
}
