import type { TemplateDependency } from '../cache/entry.ts';
import type { Hole } from '../cache/hole.ts';
import type { StoredKey } from '../cache/key.ts';
import type { Identity } from '../model/identity.ts';
import type { RootKind } from '../reads/read-node.ts';
import type { Reads } from '../reads/reads.ts';
import type { Scope } from '../reads/world.ts';
import type { Missing } from '../reporting/cause.ts';
import type { UncachedReason } from '../reporting/report.ts';
import type { Body } from './body.ts';
import type { FragmentKey } from './fragment-key.ts';
import type { Operands, Place } from './place.ts';
import type { Render } from './render.ts';

/** The values that a rendered body read and set, or why they cannot be kept. */
export type BodyReads =
  | { readonly reads: Reads }
  | { readonly uncached: UncachedReason; readonly why?: string | undefined };

/** Called while a recorded body is rendered. */
export interface BodyEvents {
  met(identity: Identity): void;
  /**
   * The body has ended. The variables that it set are not visible outside yet, so each path still has the value that
   * the body read.
   */
  read(reads: Reads): void;
}

/** A body that was rendered. */
export interface RenderedBody {
  /** The html, without what the holes show if they were left open. */
  readonly html: string;
  /** Holes that were left open; undefined if one of them was lost. */
  readonly holes: readonly Hole[] | undefined;
  /** What each of these shows on this page. */
  readonly texts: readonly string[];
  /** Milliseconds that filling them took. */
  readonly spentOnHoles: number;
  /** Undefined when reads were not recorded. */
  readonly reads: BodyReads | undefined;
}

/** The body of one use of a fragment tag. */
export interface FragmentBody extends Body {
  /** Whether the html of its holes was used otherwise than by printing it. */
  readonly hasLostHoles: boolean;
  /**
   * Renders the body. Returns a promise when the page must wait for something, such as a template, before the body can
   * be rendered.
   *
   * @param scope values that its reads are recorded for; undefined to record nothing
   * @param events called with each model that the body meets, and with its reads when it has ended
   * @param hasOpenHoles whether its holes are left open
   */
  render(scope: Scope | undefined, events: BodyEvents, hasOpenHoles: boolean): RenderedBody | Promise<unknown>;
}

/** One use of a fragment tag, as the page's template makes it. */
export interface FragmentCall {
  readonly place: Place;
  readonly operands: Operands;
  /** Why the fragment must not be cached, as far as the tag can tell without the body. */
  readonly skip: UncachedReason | undefined;
  /** Returns the values visible where the tag stands. */
  scope(models: readonly object[]): Scope;
  /**
   * Returns the body, to be rendered once.
   *
   * @param around the body that the tag stands in
   * @param uncached why the html must not be stored
   */
  newBody(around: Body | undefined, uncached?: UncachedReason): FragmentBody;
  /** Whether the holes of an entry can be filled here: their templates are what they were. */
  find(holes: readonly Hole[]): 'found' | 'pending' | 'gone';
  /**
   * Returns html with its holes filled. In a body that is to be kept, they stay open there.
   *
   * @param texts what the holes show; undefined to find out
   */
  print(html: string, holes: readonly Hole[], texts?: readonly string[]): string;
  /** Sets the variables that the body of a served entry had set. */
  set(reads: Reads): void;
  /** Looks up a variable for the body around the tag, which records the read. */
  read(kind: RootKind, name: string): unknown;
  /** Returns the present digest of a template chosen at run time; undefined when it has to be loaded first. */
  templateDigest(dependency: TemplateDependency): string | undefined;
}

/** What is known of a fragment whose body is to be rendered. */
export interface Missed {
  /** Returns the key in the store for the body's reads; undefined without a store. */
  readonly keyOf: ((reads: Reads) => StoredKey | undefined) | undefined;
  /** Returns the key of the fragment's lease, `pending` while that is not known; undefined without a store. */
  readonly leaseOf: (() => string | 'pending') | undefined;
  /** When the entry ends that is made anew before it has expired, in milliseconds since 1970; 0 if there is none. */
  readonly renews: number;
  /** Why it was not found; undefined without the option `causes`. */
  readonly missing: Missing | undefined;
  /** Whether there is an entry that can probably be shown while another process makes it anew. */
  readonly hasMeanwhile: () => boolean;
}

/** One use of a tag, with its key and scope. */
export interface Use {
  readonly render: Render;
  readonly call: FragmentCall;
  readonly key: FragmentKey;
  readonly scope: Scope;
  /** When its entry began to be looked for, by `performance.now()`; undefined when lookups are not timed. */
  readonly started: number | undefined;
}
