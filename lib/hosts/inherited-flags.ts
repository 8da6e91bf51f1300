/**
 * Node's flags that belong to one process only. Three kinds would harm a process of this library. A program given on
 * the command line would run again. Heap limits are this process's own, and Lambda sets them to the memory of the whole
 * function. Loaders compile modules in their own way, but Node reads this library and a user's config without them.
 */
const OWN =
  /^(-e|-p|-c|-i|-r|--(inspect|prof|cpu-prof|heap-prof|test|watch|eval|print|input-type|check|interactive|max[-_](old|semi)[-_]space[-_]size|expose[-_]gc|import|require|loader|experimental-loader))/;
/** Flags whose value is the next argument. */
const WITH_VALUE = /^(-e|--eval|-p|--print|-pe|-r|--require|--import|--loader|--experimental-loader)$/;

/** Returns this process's flags that also apply to the library's programs which it starts: conditions. */
export function inheritedFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter((flag, index) => !OWN.test(flag) && !WITH_VALUE.test(flags[index - 1] ?? ''));
}
