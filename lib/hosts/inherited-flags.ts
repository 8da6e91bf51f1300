/**
 * Node's flags that belong to one process only. Three kinds would harm a process of this library: a program given on the
 * command line would run again; limits of the heap are this process's own, and Lambda sets them to the memory of the whole
 * function; loaders compile modules in their own way, and Node reads this library and a user's config as they are.
 */
const OWN =
  /^(-e|-p|-c|-i|-r|--(inspect|prof|cpu-prof|heap-prof|test|watch|eval|print|input-type|check|interactive|max[-_](old|semi)[-_]space[-_]size|expose[-_]gc|import|require|loader|experimental-loader))/;
/** Those whose value is the next argument. */
const WITH_VALUE = /^(-e|--eval|-p|--print|-pe|-r|--require|--import|--loader|--experimental-loader)$/;

/** The flags with which this process runs that hold for one that it starts with a program of this library: conditions. */
export function inheritedFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter((flag, index) => !OWN.test(flag) && !WITH_VALUE.test(flags[index - 1] ?? ''));
}
