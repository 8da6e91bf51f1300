import { counted } from '../format/amounts.ts';
import { describedTensor } from '../format/tensor.ts';
import { failureList } from '../failure-table.ts';
import { missingFieldName, missingFieldWarning, optionName } from '../missing-field-warning.ts';
import { shortened } from '../format/text.ts';
import type { DryRun, ModelSignature } from './dry-run.ts';

const INDENT = '  ';

/** Formats a dry run as text: models, some predictions, failures, and the verdict in the last line. */
export function dryRunReport(dryRun: DryRun, width: number | undefined): string {
  const { signatures, predictions, failureGroups, missingFields, unreadable } = dryRun;
  const fitted = (text: string): string => (width === undefined ? text : shortened(text, width - INDENT.length));
  return [
    ...signatures.flatMap(signatureLines),
    ...(predictions.length === 0 ? [] : ['predictions']),
    ...predictions.map((line) => INDENT + fitted(JSON.stringify(line))),
    ...(failureGroups.length === 0 ? [] : [failureList({ list: () => failureGroups, others: 0 }, { width })]),
    ...unreadable.map(({ input, reason }) => `${input} can't be run: ${reason}`),
    ...missingFields.map(missingFieldWarning),
    lastLine(dryRun),
  ].join('\n');
}

function signatureLines({ place, model, inputs = [], outputs = [] }: ModelSignature): readonly string[] {
  return [
    `model ${model} (${place})`,
    ...inputs.map((tensor) => `${INDENT}input ${describedTensor(tensor)}`),
    ...outputs.map((tensor) => `${INDENT}output ${describedTensor(tensor)}`),
  ];
}

function lastLine(dryRun: DryRun): string {
  const { failed, total, inputs, triedInputs, models, missingFields, unreadable } = dryRun;
  const tried = triedInputs === inputs ? '' : ` of ${counted(triedInputs, 'input')}`;
  const aside = `(dry run, ${counted(total, 'element')}${tried}, nothing written)`;
  const problems = [
    ...(failed > 0 ? [`${counted(failed, 'element')} failed`] : []),
    ...(unreadable.length > 0 ? [`${counted(unreadable.length, 'input')} can't be run`] : []),
    ...missingFields.map((field) => `no element has ${missingFieldName(field)} of ${optionName(field.option)}`),
  ];
  if (problems.length > 0) return `FAILED: ${problems.join(', ')} ${aside}`;
  return `OK: 1 pipeline, ${counted(models, 'model')}, ${counted(inputs, 'input')} ${aside}`;
}
