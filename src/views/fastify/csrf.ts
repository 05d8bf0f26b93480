export const GENERATE_CSRF = 'generateCsrf';

/**
 * Calls `taken` when a handler takes `reply.generateCsrf` of @fastify/csrf-protection: a token is for one visitor.
 *
 * @param shown returns another function for it, whose token is replaced
 */
export function watchGenerateCsrf(reply: object, taken: () => void, shown: (held: unknown) => unknown): void {
  let held: unknown = Reflect.get(reply, GENERATE_CSRF);
  Object.defineProperty(reply, GENERATE_CSRF, {
    configurable: true,
    enumerable: true,
    get() {
      if (held === undefined) return held;
      const given = shown(held);
      if (given === held) taken();
      return given;
    },
    // A hook that runs later may set the function.
    set(value: unknown) {
      held = value;
    },
  });
}
