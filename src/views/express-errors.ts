/** A layer of a router of Express 4 and 5, as far as it is used here. */
interface Layer {
  handle?: unknown;
  readonly route?: { readonly stack?: unknown };
}

/** Told when an error handler is called, by its request. */
const heard = new WeakMap<object, () => void>();
/** Error handlers that are watched, and those that watch. */
const watched = new WeakSet<object>();

/**
 * Calls `failed` when Express passes this request to an error handler. Express has no event for it, so the error
 * handlers of the application are wrapped, in its routers and in those mounted in them.
 */
export function watchErrors(request: object, failed: () => void): void {
  heard.set(request, failed);
  const { app } = request as { readonly app?: { readonly router?: unknown; readonly _router?: unknown } };
  if (app === undefined) return;
  // Express 4 throws an error when `router` is read.
  watchRouter(app._router ?? app.router, new Set());
}

function watchRouter(router: unknown, seen: Set<unknown>): void {
  const { stack } = (router ?? {}) as { readonly stack?: unknown };
  if (!Array.isArray(stack) || seen.has(stack)) return;
  seen.add(stack);
  for (const layer of stack as Layer[]) {
    if (layer.route !== undefined) watchRouter(layer.route, seen);
    if (typeof layer.handle !== 'function') continue;
    // Express tells error handlers by their number of parameters.
    if (layer.handle.length === 4) watchLayer(layer, layer.handle as ErrorHandler);
    else watchRouter(layer.handle, seen);
  }
}

type ErrorHandler = (error: unknown, request: object, response: unknown, next: unknown) => unknown;

function watchLayer(layer: Layer, handle: ErrorHandler): void {
  if (watched.has(handle)) return;
  const watching = function (this: unknown, error: unknown, request: object, response: unknown, next: unknown) {
    heard.get(request)?.();
    return handle.call(this, error, request, response, next);
  };
  watched.add(watching);
  layer.handle = watching;
}
