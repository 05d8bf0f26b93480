const NAME = 'generateCsrf';

/** Calls `taken` when a handler takes `reply.generateCsrf` of @fastify/csrf-protection: a token is for one visitor. */
export function watchGenerateCsrf(reply: object, taken: () => void): void {
  let held: unknown = Reflect.get(reply, NAME);
  Object.defineProperty(reply, NAME, {
    configurable: true,
    enumerable: true,
    get() {
      if (held !== undefined) taken();
      return held;
    },
    // A hook that runs later may set the function.
    set(value: unknown) {
      held = value;
    },
  });
}
