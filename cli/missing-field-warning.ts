import type { MissingField } from '../lib/inference/missing-field.ts';
import { number } from './format/amounts.ts';

/** Returns the warning that no element has a field which the configuration names, and what follows from that. */
export function missingFieldWarning({ option, field, name, elements, fields }: MissingField): string {
  const read = `first ${number(elements)} read`;
  const found = fields.length === 0 ? 'its elements are not objects' : `its fields are ${fields.join(', ')}`;
  const result = option === 'input.id' ? 'ids are positions' : 'elements have no key';
  return `no element of ${name} has the field '${field}' that ${option} names (${read}); ${found}; ${result}`;
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
