import type { Row } from './row.ts';
import type { Scenario } from './scenario.ts';
import * as admission from './scenarios/admission.ts';
import * as alternatives from './scenarios/alternatives.ts';
import * as growth from './scenarios/growth.ts';
import * as holes from './scenarios/holes.ts';
import * as invalidate from './scenarios/invalidate.ts';
import * as memory from './scenarios/memory.ts';
import * as network from './scenarios/network.ts';
import * as reads from './scenarios/reads.ts';
import * as store from './scenarios/store.ts';
import * as views from './scenarios/views.ts';

export interface Group {
  readonly scenarios: readonly Scenario[];
  /** Rows that compare no times. */
  readonly rows?: () => readonly Row[] | Promise<readonly Row[]>;
}

/** Under a minute each. */
export const groups: Readonly<Record<string, Group>> = {
  memory,
  reads,
  store,
  network,
  growth,
  holes,
  invalidate,
  views,
  alternatives,
  admission,
};
