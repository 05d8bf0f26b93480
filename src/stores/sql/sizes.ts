import type { Row } from './dialect.ts';

/** Reads the answer of a statement that measures a table. */
export function sizes(row: Row | undefined): { readonly rows: number; readonly bytes: number } {
  return { rows: Number(row?.rows ?? 0), bytes: Number(row?.bytes ?? 0) };
}
