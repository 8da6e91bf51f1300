import { InvalidArgumentError } from 'commander';

/** Parses the value of an option. @throws InvalidArgumentError if it is not a positive integer */
export function positiveInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new InvalidArgumentError('It must be a positive integer.');
  return value;
}
