import type { MissingField } from '../lib/inference/missing-field.ts';
import { suggestion } from '../lib/nearest-name.ts';
import { number } from './format/amounts.ts';

const CONSEQUENCES: Readonly<Record<MissingField['option'], string>> = {
  'input.id': 'ids are positions',
  'input.key': 'elements have no key',
  inputs: "elements fail, or are read with missing values if the model has missing: 'nan'",
};

/** Returns the warning that no element has a field which the configuration names, and what follows from that. */
export function missingFieldWarning(missing: MissingField): string {
  const { option, field, name, elements, fields } = missing;
  const read = `first ${number(elements)} read${suggestion(field, fields)}`;
  const found = fields.length === 0 ? 'its elements are not objects' : `its fields are ${fields.join(', ')}`;
  const verb = option === 'inputs' ? 'name' : 'names';
  return `no element of ${name} has ${missingFieldName(missing)} that ${optionName(option)} ${verb} (${read}); ${found}; ${CONSEQUENCES[option]}`;
}

/** Names the first missing field of an option, and counts the others: `the field 'a' and 2 more`. */
export function missingFieldName({ field, others = 0 }: MissingField): string {
  return others === 0 ? `the field '${field}'` : `the field '${field}' and ${number(others)} more`;
}

/** Names an option in a sentence. */
export function optionName(option: MissingField['option']): string {
  return option === 'inputs' ? "the model's 'inputs'" : option;
}

/** Writes one warning for each option of a run. If several inputs lack the field, it names the first. */
export function missingFieldWarner(write: (message: string) => void): (missing: MissingField) => void {
  const warned = new Set<string>();
  return (missing) => {
    if (warned.has(missing.option)) return;
    warned.add(missing.option);
    write(missingFieldWarning(missing));
  };
}
