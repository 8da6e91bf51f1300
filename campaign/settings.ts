import { parseArgs } from 'node:util';

/**
 * Reads options that are whole numbers from a command line: `--seeds 3000`.
 *
 * @param defaults - the options, with their values where they are not given; undefined for none.
 * @throws TypeError where an option is unknown, or is not a whole number.
 */
export function numbersFrom<Name extends string>(
  args: readonly string[],
  defaults: Readonly<Record<Name, number | undefined>>,
): Readonly<Record<Name, number | undefined>> {
  const names = Object.keys(defaults);
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }] as const));
  const { values } = parseArgs({ args: [...args], options });
  const read = Object.entries(values).map(([name, value]) => {
    const number = Number(value);
    if (Number.isInteger(number) && number >= 0) return [name, number] as const;
    throw new TypeError(`Cannot start as '--${name}' must be a whole number: current value is ${String(value)}`);
  });
  return { ...defaults, ...Object.fromEntries(read) };
}
