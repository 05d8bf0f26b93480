import type { MissReason } from './miss-reason.ts';

/** What is known of a view that is not stored. */
interface Known {
  /** The reason for which it was refused, and more about it. */
  readonly refused: MissReason | undefined;
  readonly why: string | undefined;
  /** The read that is a reason, such as `req.user (handler.js:3)`. */
  readonly reads: { readonly reason: MissReason | undefined; readonly detail: string | undefined };
  /** Whether the option `holes` gives a variable. */
  gives(name: string): boolean;
}

/** Says more about the reason for which a view is not stored, if more is known. */
export function missDetail(reason: MissReason | undefined, { refused, why, reads, gives }: Known): string | undefined {
  if (reason === undefined) return undefined;
  if (reason !== reads.reason) return reason === refused ? why : undefined;
  const name = reads.detail === undefined ? undefined : lastStep(reads.detail);
  if (reason !== 'personal' || name === undefined || !gives(name)) return reads.detail;
  return `${reads.detail}; leave ${name} out: holes gives it to the template`;
}

function lastStep(detail: string): string | undefined {
  return /^[\w.$-]*?([\w$]+)(?:\s|$)/.exec(detail)?.[1];
}
