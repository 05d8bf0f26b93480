/** What is measured: does its work once. Returns the bytes of the page that it rendered, if it did. */
export type Side = () => unknown;

/** What the floor has to know of our side. */
export interface Told {
  readonly tokenKeys?: readonly string[];
  readonly entryKeys?: readonly string[];
}

export interface Made {
  readonly side: Side;
  readonly told?: Told;
}

/** Two ways to do the same, measured in a process of their own. */
export interface Scenario {
  readonly scenario: string;
  /** What it is measured against, in the same run. */
  readonly floor: string;
  /** The ratio that must not be exceeded; absent where there is no goal. */
  readonly goal?: number;
  /** Why ours may be behind, said below the table: then that is no missed goal. */
  readonly reason?: string;
  /** Milliseconds to the server that both use; absent where they use none. */
  readonly away?: number;
  /** What that server is; default: Memcached. */
  readonly server?: 'memcached' | 'redis';
  /** Milliseconds that each side is run before, where the difference is so large that less will do. */
  readonly warmUp?: number;
  /** Pairs that are measured. */
  readonly rounds?: number;
  /** Fragments on the page, where the time of each is shown. */
  readonly fragments?: number;
  /** @param port of the server, if the scenario uses one */
  ours(port: number): Made | Promise<Made>;
  other(port: number, told: Told): Made | Promise<Made>;
}
