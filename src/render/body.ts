import { Dependencies } from '../cache/dependencies.ts';
import type { RootKind } from '../reads/read-node.ts';
import type { ReadShape } from '../reads/shape.ts';
import type { UncachedReason } from '../reporting/report.ts';

/**
 * Reasons after which a body may hold one visitor's own: it reads a private name, its data was loaded with a visitor's credentials,
 * or somebody says that this page is not to be cached.
 */
const PERSONAL: ReadonlySet<UncachedReason> = new Set<UncachedReason>([
  'private name',
  'credentials',
  'when',
  'disabled',
]);

/** What a body takes over from a part of it. */
export interface BodyPart {
  readonly dependencies: Dependencies;
  readonly uncached: UncachedReason | undefined;
  readonly isPersonal: boolean;
  readonly hasOutageHit: boolean;
}

/** Records what a body looks up in Nunjucks. */
export interface Reading {
  /** A fragment in the body was compared by these paths, so the body is compared by them too. */
  repeat(shape: ReadShape, at: { read(kind: RootKind, name: string): unknown }): void;
  /** A tag in the body says that an object is a row of a type. */
  typed(row: object, type: string): void;
}

/** A body that others may wait for while it waits for data. */
export interface BodyMaking {
  readonly memoryKey: string;
  /** Whether there is an entry that can probably be shown while another process makes it anew. */
  hasMeanwhile(): boolean;
  /** It has to wait for data, or for what another page makes: others wait for it from now on. */
  begin(): void;
  /**
   * Returns what it has to wait for before it loads data; undefined when it may load.
   *
   * @param bodies this one and those around it
   */
  gate(bodies: readonly BodyMaking[]): Promise<unknown> | undefined;
}

/**
 * A fragment's body, a lazy, a view, or a page that belongs to one of these, while it is being rendered: what it depends
 * on, what records its reads and, for those that Nunjucks renders, what watches them (`template/run/watched-body.ts`).
 */
export class Body implements BodyPart {
  /** The body around it. */
  readonly parent: Body | undefined;
  readonly dependencies: Dependencies = new Dependencies();
  /** Why it must not be stored; undefined if it may be. */
  uncached: UncachedReason | undefined;
  /** Whether it may hold one visitor's own, also where another reason was found first. */
  isPersonal = false;
  /** Whether it contains what was served although its tokens could not be read: the option `outage`. */
  hasOutageHit = false;
  /** Records its reads; undefined when they are not recorded. */
  reading: Reading | undefined;
  /**
   * Until when what is made early here, or around it, was to live: milliseconds since 1970, 0 where nothing is. What is shown in it
   * must live longer.
   */
  renews = 0;
  /** Set if others may wait for it. */
  making: BodyMaking | undefined;

  constructor(parent?: Body, uncached?: UncachedReason) {
    this.parent = parent;
    if (uncached !== undefined) this.refuse(uncached);
  }

  /** Keeps the body from being stored. The first reason stays, because the others may follow from it. */
  refuse(reason: UncachedReason): void {
    if (PERSONAL.has(reason)) this.isPersonal = true;
    this.uncached ??= reason;
  }

  /** Notes that it contains what was served in an outage. Other pages must not get it. */
  addOutageHit(): void {
    this.hasOutageHit = true;
    this.refuse('outage');
  }

  /** Adds the dependencies of a part, such as a lazy's value, to this body. */
  include(part: BodyPart): void {
    this.dependencies.addAll(part.dependencies);
    if (part.isPersonal) this.isPersonal = true;
    if (part.hasOutageHit) this.hasOutageHit = true;
    if (part.uncached !== undefined) this.uncached ??= 'contains uncached';
  }

  /** Ends the body. The body around it contains its html, so it inherits the dependencies. */
  close(): void {
    this.parent?.include(this);
  }
}

/** The bodies of one sweeper being rendered, one inside the other. They are synchronous, so there is one innermost. */
export class Bodies {
  current: Body | undefined;

  /** Returns what the body being rendered has to wait for before it loads data; undefined when it may load. */
  gate(): Promise<unknown> | undefined {
    return this.current?.making?.gate(this.#makings());
  }

  /** The body being rendered has to wait, and so have those around it. */
  wait(): void {
    for (const making of this.#makings()) making.begin();
  }

  #makings(): readonly BodyMaking[] {
    const makings: BodyMaking[] = [];
    for (let body = this.current; body !== undefined; body = body.parent) {
      if (body.making !== undefined) makings.push(body.making);
    }
    return makings;
  }

  /** Runs a function as if inside another body, or inside none. */
  inside<T>(body: Body | undefined, run: () => T): T {
    const outer = this.current;
    this.current = body;
    try {
      return run();
    } finally {
      this.current = outer;
    }
  }
}
