import type { UncachedReason } from '../reporting/report.ts';
import type { SkipReason, UnkeptReason } from './http/request-rules.ts';
import type { ResponseReason } from './http/response-rules.ts';
import type { ReadReason } from './reads/value-text.ts';

/** Why a view was rendered and not stored. */
export type MissReason =
  | SkipReason
  | UnkeptReason
  | ResponseReason
  | UncachedReason
  | ReadReason
  | 'repeats host'
  | 'session changed'
  | 'csrf token'
  | 'value transformed'
  | 'lost context'
  | 'changed outside'
  | 'nested view'
  | 'error page'
  | 'too large'
  | 'aborted'
  | 'incomplete'
  | 'trailers';
