import type { Identity } from '../model/identity.ts';
import { VIEW_TYPE } from '../model/sparse-names.ts';
import { digest } from '../util/digest.ts';
import { decoded } from './http/address.ts';

/** Most characters of an id as they are. A visitor can make any path and host, and names stay in memory. */
const MAX_READABLE = 200;

/** Parameters of a route. */
export type Params = Readonly<Record<string, unknown>>;

/** The ways in which a view can be invalidated. */
export interface ViewPlace {
  readonly host: string | undefined;
  readonly path: string;
  readonly name: string | undefined;
  readonly params: Params;
}

/**
 * Returns the identities of a view: its path, its route's name, and the name with parameters; each for all hosts and
 * for its own. The view depends on all of them, so the bump of one invalidates it.
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
 * Returns the id of a path. Different ways to write a path share one id, as they share a route in most servers. So
 * expiring may hit a view too many, which costs only a render.
 */
export function byPath(path: string): string {
  const clean = decoded(path.split(/[?#]/, 1)[0] ?? '')
    .toLowerCase()
    .replace(/\/{2,}/g, '/')
    .replace(/\/$/, '');
  return `path:${clean === '' ? '/' : bounded(clean)}`;
}

export function byName(name: string): string {
  return `name:${JSON.stringify(name)}`;
}

export function byParams(name: string, params: Params): string {
  const pairs = Object.entries(params)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => [key, Array.isArray(value) ? value.join('/') : String(value)])
    .sort(([a], [b]) => ((a as string) < (b as string) ? -1 : 1));
  return `${byName(name)}${bounded(JSON.stringify(pairs))}`;
}

/** Leaves out default ports, as browsers do. */
export function onHost(host: string, id: string): string {
  return `host:${bounded(host.toLowerCase().replace(/:(80|443)$/, ''))}:${id}`;
}

/** Texts that begin with "sha256:" are neither paths nor parameters, and a host of that name shares with others at worst. */
function bounded(text: string): string {
  return text.length <= MAX_READABLE ? text : `sha256:${digest(text)}`;
}
