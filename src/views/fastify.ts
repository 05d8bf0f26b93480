import { inRequest } from '../render/request-start.ts';

/** The part of a Fastify instance that is used here. */
export interface FastifyHooks {
  addHook(name: 'onRequest', hook: (request: unknown, reply: unknown, done: () => void) => void): unknown;
}

/**
 * A plugin that remembers when a request began: data that its handlers read is not older, however long they take.
 * Register it before everything that reads data.
 *
 * @example
 * await fastify.register(requestStart());
 */
export function requestStart(): (fastify: FastifyHooks, options: unknown, done: () => void) => void {
  const plugin = (fastify: FastifyHooks, _options: unknown, done: () => void): void => {
    fastify.addHook('onRequest', (_request, _reply, next) => inRequest(Date.now(), next));
    done();
  };
  // Its hook is for all routes, not only for those of an encapsulated context of its own.
  return Object.assign(plugin, { [Symbol.for('skip-override')]: true });
}
