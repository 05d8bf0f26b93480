import { readFileSync } from 'node:fs';

interface Panel {
  readonly title: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Dashboard {
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly { readonly name: string; readonly definition?: string }[] };
}

/** The dashboard that the docs offer. */
export const dashboard: Dashboard = JSON.parse(
  readFileSync(new URL('../../docs/grafana-dashboard.json', import.meta.url), 'utf8'),
);

/** All queries of its panels, as they are written. */
export const queries: readonly string[] = dashboard.panels.flatMap(({ targets = [] }) =>
  targets.map(({ expr }) => expr),
);

/** Names of metrics in a query. */
export function metricsOf(query: string): readonly string[] {
  return query.match(/\bcachesweeper_\w+/g) ?? [];
}

/** A query as Grafana sends it, for all jobs and processes. */
export function sent(query: string, interval: string): string {
  return query.replaceAll('$__rate_interval', interval).replaceAll(/\$(job|instance)\b/g, '.*');
}
