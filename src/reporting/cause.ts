import { shownName } from '../util/shown.ts';

/** What bumped a name: who saved or invalidated, where and when. */
export interface BumpCause {
  /** What was done: `Sequelize update`, `invalidateCacheFor`, `expireView`, `PUT https://api.example/articles/7`. */
  readonly by: string;
  /** Where the site's code did it, as far as the stack tells: `src/routes.ts:12`. */
  readonly at?: string | undefined;
  /** Method and path of the request that was being handled: `POST /comments/7`. */
  readonly request?: string | undefined;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** Host and number of the process: `web-1:4711`. */
  readonly process: string;
}

/** Why a fragment, or a whole view, had to be rendered. */
export interface MissCause {
  /**
   * `new`: this process knows no entry of it. `expired`: its ttl is over.
   * `provisional`: it was made so soon after a bump that it was kept for `maxDataAge` only. `bumped`: a model that it was made from was
   * invalidated. `reads`: there are entries, but for other values of what it reads. `template`: a template that it shows has
   * changed. `early`: made anew shortly before its end. `unknown`: none of these.
   */
  readonly why: 'new' | 'expired' | 'provisional' | 'bumped' | 'reads' | 'template' | 'early' | 'unknown';
  /** The name that was bumped, `Comment:=7`. */
  readonly name?: string | undefined;
  /** What bumped it; undefined if that is not known. */
  readonly bump?: BumpCause | undefined;
}

/** A name whose token is not the one that an entry was made with. */
export interface Bumped {
  readonly name: string;
  /** The name's token now. */
  readonly token: string;
}

/** Why no entry could be served. */
export interface Missing {
  readonly cause: MissCause;
  /** Names of which the best entry has another token. */
  readonly bumped: readonly Bumped[];
}

/** Names that this process has bumped, and why. */
export interface RecentBump {
  /** The first of them. */
  readonly names: readonly string[];
  /** How many there were. */
  readonly count: number;
  readonly cause: BumpCause;
}

const OWN_CALLS: readonly string[] = ['invalidateCacheFor', 'invalidateAll', 'expireView', 'outbox', 'webhook'];
const WHY: Readonly<Record<Exclude<MissCause['why'], 'bumped'>, string>> = {
  new: 'this process knows no entry of it',
  expired: 'its ttl is over',
  provisional: 'made so soon after a bump that it was kept shortly',
  reads: 'rendered before for other values of what it reads',
  template: 'a template was edited',
  early: 'rendered anew before its end',
  unknown: 'unknown',
};

/**
 * Says in words why a fragment had to be rendered.
 *
 * @param now milliseconds since 1970
 *
 * @example
 * describeCause(fragment.cause, Date.now());
 * // Comment 7, saved 3.2 s ago by POST /comments/7 (Sequelize update)
 */
export function describeCause({ why, name, bump }: MissCause, now: number): string {
  if (why !== 'bumped') return WHY[why];
  const what = name === undefined ? 'a model' : shownName(spokenName(name));
  if (bump === undefined) return `${what}, bumped by something unknown`;
  const did = OWN_CALLS.includes(bump.by) ? 'invalidated' : 'saved';
  const parts = [bump.request, bump.by, bump.at].filter((part) => part !== undefined);
  const [by = bump.process, ...more] = parts.map(shownName);
  return `${what}, ${did} ${age(now - bump.time)} ago by ${by}${more.length === 0 ? '' : ` (${more.join(', ')})`}`;
}

/**
 * `Comment 7` for `Comment:=7`, `any Comment` for the name of the type, `lists of Comment` for `Comment:*` and `view path:/about` for
 * `@view:=path:/about`.
 */
function spokenName(name: string): string {
  if (name === '*') return 'everything';
  const [, type, tenant, id] = /^@?([^:]*)(?::@([^:]*))?(?::(=.*|\*))?$/s.exec(name) ?? [];
  if (type === undefined) return name;
  const of = tenant === undefined || tenant === '*' ? '' : ` of ${tenant}`;
  if (id === undefined) return tenant === undefined ? `any ${type}` : `lists of ${type}${of}`;
  return id === '*' ? `lists of ${type}${of}` : `${type} ${id.slice(1)}${of}`;
}

function age(milliseconds: number): string {
  const seconds = Math.max(0, milliseconds) / 1_000;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = seconds / 60;
  return minutes < 100 ? `${Math.round(minutes)} min` : `${Math.round(minutes / 60)} h`;
}
