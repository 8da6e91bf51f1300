/** How `fabric` ends. */
export const EXIT = {
  success: 0,
  /** The run itself could not go on. */
  failure: 1,
  wrongUsage: 2,
  /** Some elements failed, and were reported. */
  elementsFailed: 3,
  /** Ended by Ctrl-C, as shells count it. */
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];
