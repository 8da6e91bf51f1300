import { Option } from 'commander';

/** Creates the option `--input-columns`, which can be given once for each input of a model. */
export function inputColumnsOption(): Option {
  return new Option(
    '--input-columns <columns>',
    'columns of the input in their order, such as a,b,c; for a model with several inputs <input>=a,b,c, once for each (default: columns with the names of the inputs)',
  ).argParser((columns: string, before: readonly string[] | undefined) => [...(before ?? []), columns]);
}
