import type { Context } from '../nunjucks.ts';

/** Told of what a function looks up in the context it was given. */
export interface ContextReads {
  read(name: string, value: unknown): void;
  /** It asked whether a variable is there that is undefined: whether it is missing or only has no value makes a difference. */
  unsure(name: string): void;
  /** It asked for the names of all variables. */
  all(): void;
}

/** A context that tells what is looked up in it; what a function sets in it is set in the real one. */
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
