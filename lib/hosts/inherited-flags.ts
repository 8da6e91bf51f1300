/**
 * Node's flags that belong to one process only. Three kinds would harm a process of this library. A program given on
 * the command line would run again. Heap limits are this process's own, and Lambda sets them to the memory of the whole
 * function. Loaders compile modules in their own way, but Node reads this library and a user's config without them.
 */
const OWN =
  /^(-e|-p|-c|-i|-r|--(inspect|prof|cpu-prof|heap-prof|test|watch|eval|print|input-type|check|interactive|max-(old|semi)-space-size|expose-gc|import|require|loader|experimental-loader))/;

/**
 * Returns this process's flags that also apply to the library's programs which it starts: conditions.
 *
 * A flag's value can be the next argument (`--cpu-prof-interval 500`). It belongs to the flag before it and is kept or
 * dropped with it. Node refuses a separate value that begins with `-`, and the first argument that is neither a flag
 * nor a value is the program, which ends the list: each argument without a `-` is a value.
 */
export function inheritedFlags(flags: readonly string[] = process.execArgv): string[] {
  let isOwn = false;
  return flags.filter((argument) => {
    if (argument.startsWith('-')) isOwn = OWN.test(argument.replaceAll('_', '-'));
    return !isOwn;
  });
}
