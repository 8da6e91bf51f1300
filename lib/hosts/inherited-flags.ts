/** Of Node's own flags, those that make sense for one process only; of some, the next argument is the value. */
const WITH_VALUE = /^(-e|--eval|-p|--print|-pe)$/;
const OWN = /^(-e|-p|-c|-i|--(inspect|prof|cpu-prof|heap-prof|test|watch|eval|print|input-type|check|interactive))/;

/**
 * The flags with which this process runs, for one that it starts with a program of this library: conditions, loaders,
 * memory limits. A program given on the command line is not passed on, or its processes would run it again.
 */
export function inheritedFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter((flag, index) => !OWN.test(flag) && !WITH_VALUE.test(flags[index - 1] ?? ''));
}
