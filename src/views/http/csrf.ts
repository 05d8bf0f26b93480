/**
 * Calls `taken` when a handler reads a CSRF token function, because it belongs to one visitor: `req.csrfToken()`
 * (csurf, csrf-csrf, csrf-sync, lusca) or `reply.generateCsrf()` (@fastify/csrf-protection).
 */
export function watchCsrf(object: object, name: 'csrfToken' | 'generateCsrf', taken: () => void): void {
  let held: unknown = (object as Record<string, unknown>)[name];
  Object.defineProperty(object, name, {
    configurable: true,
    enumerable: true,
    get() {
      if (held !== undefined) taken();
      return held;
    },
    // Middleware that runs later may set the function.
    set(value: unknown) {
      held = value;
    },
  });
}
