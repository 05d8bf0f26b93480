import type { RenderReport } from '../reporting/report.ts';

/** A figure of each render, of which the distribution is kept. Names and units as in figures.ts. */
export interface Distribution {
  readonly name: string;
  readonly unit: string;
  readonly help: string;
  /** Upper bounds of its classes, in its unit, smallest first. */
  readonly bounds: readonly number[];
  readonly of: (report: RenderReport) => number;
}

/** Seconds: from a page of hits to one that has waited for a slow database. */
const TIMES: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** All figures that are taken from reports. */
export const DISTRIBUTIONS: readonly Distribution[] = [
  {
    name: 'render.duration',
    unit: 's',
    help: 'Time from the call to the html.',
    bounds: TIMES,
    of: ({ milliseconds }) => milliseconds / 1_000,
  },
  {
    name: 'store.wait.duration',
    unit: 's',
    help: 'Time that a page has waited for the store.',
    bounds: TIMES,
    of: ({ waited }) => waited / 1_000,
  },
  {
    name: 'render.round_trips',
    unit: '{round_trip}',
    help: 'Round trips of a page, to the store or for lazies.',
    bounds: [0, 1, 2, 3, 5, 10],
    of: ({ roundTrips }) => roundTrips,
  },
];
