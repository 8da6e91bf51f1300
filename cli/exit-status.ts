/** Exit statuses of `fabric`. */
export const EXIT = {
  success: 0,
  failure: 1,
  wrongUsage: 2,
  elementsFailed: 3,
  /** Ctrl-C or SIGTERM, as shells count it. */
  interrupted: 130,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Meanings of the exit statuses, for the reference of the commands. */
export const EXIT_MEANINGS: Readonly<Record<keyof typeof EXIT, string>> = {
  success:
    'The command succeeded; no element failed. `status`, `failures`, and `redrive` without `--wait` exit with 0 even if elements of the job failed.',
  failure:
    'The command could not finish, or some results are incomplete: an input could not be read, or a job exceeded its failure limit.',
  wrongUsage: 'The options, the configuration or the inputs are wrong.',
  elementsFailed: 'The command finished, but some elements failed. Each has a line in the results.',
  interrupted:
    'The command was interrupted by Ctrl-C or SIGTERM. For `fabric local` without `--once`, that is the normal end: it exits with 0, or with 1 if results could not be written.',
};
