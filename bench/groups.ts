import type { Row } from './row.ts';
import type { Scenario } from './scenario.ts';
import * as admission from './scenarios/admission.ts';
import * as alternatives from './scenarios/alternatives.ts';
import * as growth from './scenarios/growth.ts';
import * as holes from './scenarios/holes.ts';
import * as invalidate from './scenarios/invalidate.ts';
import * as load from './scenarios/load.ts';
import * as memory from './scenarios/memory.ts';
import * as network from './scenarios/network.ts';
import * as panel from './scenarios/panel.ts';
import * as reads from './scenarios/reads.ts';
import * as redis from './scenarios/redis.ts';
import * as sql from './scenarios/sql.ts';
import * as store from './scenarios/store.ts';
import * as tokens from './scenarios/tokens.ts';
import * as views from './scenarios/views.ts';

export interface Group {
  readonly scenarios: readonly Scenario[];
  /**
   * Rows that compare no times.
   *
   * @param isFull whether all groups are run
   */
  readonly rows?: (isFull: boolean) => readonly Row[] | Promise<readonly Row[]>;
}

/** About a minute each; `load` takes two, and three among all groups. */
export const groups: Readonly<Record<string, Group>> = {
  memory,
  reads,
  store,
  redis,
  sql,
  network,
  growth,
  holes,
  invalidate,
  views,
  panel,
  alternatives,
  admission,
  tokens,
  load,
};
