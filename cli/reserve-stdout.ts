/** Standard output that only a command prints on. */
export interface ReservedStdout extends Disposable {
  /** Prints a text and a line end on standard output. */
  readonly print: (text: string) => void;
}

/**
 * Sends what other code prints on standard output to standard error, until it is disposed of: a config's functions may
 * print, in this thread or in workers, and a program that reads the JSON of a command must get nothing else.
 *
 * @param isReserved - false to leave standard output as it is
 */
export function reserveStdout(isReserved: boolean): ReservedStdout {
  if (!isReserved) return { print: (text) => console.log(text), [Symbol.dispose]: () => {} };
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  const original = Object.getOwnPropertyDescriptor(stdout, 'write');
  stdout.write = stderr.write.bind(stderr);
  return {
    print: (text) => void write(`${text}\n`),
    [Symbol.dispose]() {
      if (original === undefined) Reflect.deleteProperty(stdout, 'write');
      else Object.defineProperty(stdout, 'write', original);
    },
  };
}
