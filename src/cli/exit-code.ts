/** What the process ends with. */
export const ExitCode = {
  /** All is well. */
  fine: 0,
  /** The command has run, and found something that is to be mended. */
  findings: 1,
  /** The command could not run: wrong arguments, an error. */
  failed: 2,
} as const;

export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode];
