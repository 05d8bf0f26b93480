import type { Identity } from '../model/identity.ts';
import { decoded } from './http/address.ts';

/** The type of all whole views. No class can be called so. */
export const VIEW_TYPE = '@view';

/** The parameters of a route, as it is called by name. */
export type Params = Readonly<Record<string, unknown>>;

/** What a view may be expired by. */
export interface ViewPlace {
  readonly host: string | undefined;
  readonly path: string;
  readonly name: string | undefined;
  readonly params: Params;
}

/**
 * The models that a view is: its path, and its route by name alone and with its parameters; each on any host and on
 * its own. A view depends on all of them, and to expire it is to bump one.
 */
export function viewIdentities({ host, path, name, params }: ViewPlace): Identity[] {
  const ids = [byPath(path)];
  if (name !== undefined) ids.push(byName(name), byParams(name, params));
  const onItsHost = host === undefined ? [] : ids.map((id) => onHost(host, id));
  return [...ids, ...onItsHost].map(viewIdentity);
}

export function viewIdentity(id: string): Identity {
  return { type: VIEW_TYPE, id };
}

/**
 * Coarser than what views are kept by: ways to write one path share a name, as they share a route in most servers. A
 * view too many that is expired costs a render.
 */
export function byPath(path: string): string {
  const clean = decoded(path.split(/[?#]/, 1)[0] ?? '')
    .toLowerCase()
    .replace(/\/{2,}/g, '/')
    .replace(/\/$/, '');
  return `path:${clean === '' ? '/' : clean}`;
}

export function byName(name: string): string {
  return `name:${JSON.stringify(name)}`;
}

export function byParams(name: string, params: Params): string {
  const pairs = Object.entries(params)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, Array.isArray(value) ? value.join('/') : String(value)])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
  return `${byName(name)}${JSON.stringify(pairs)}`;
}

/** Default ports are left out, as browsers do. */
export function onHost(host: string, id: string): string {
  return `host:${host.toLowerCase().replace(/:(80|443)$/, '')}:${id}`;
}
