import { isRecord } from '../element-shape.ts';
import { checkFieldNames } from '../option-names.ts';
import type { PipelineTask, TaskOptions } from './pipeline-task.ts';

const HANDLER = 'HuggingFacePipelineModelHandler';

/** @throws RangeError with the option, its rule and its value */
export function refuseOption(option: string, rule: string, value: unknown): never {
  const current = typeof value === 'string' ? `'${value}'` : JSON.stringify(value);
  throw new RangeError(`Cannot create ${HANDLER} as '${option}' must be ${rule}: current value is ${current}`);
}

/** Checks the number of labels that a prediction has: a number, or null for all of them. */
export function checkTopK(topK: unknown): void {
  if (topK === undefined || topK === null || isPositiveInteger(topK)) return;
  refuseOption('topK', 'a positive integer, or null for all labels', topK);
}

export function checkChoice(option: string, value: unknown, choices: readonly string[]): void {
  if (value === undefined || choices.includes(value as string)) return;
  refuseOption(option, choices.map((choice) => `'${choice}'`).join(' or '), value);
}

export function checkBoolean(option: string, value: unknown): void {
  if (value !== undefined && typeof value !== 'boolean') refuseOption(option, 'true or false', value);
}

export function isPositiveInteger(value: unknown): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

/** @throws TypeError if the model's address is not a text */
export function checkModel(model: unknown): void {
  if (typeof model === 'string' && model !== '') return;
  throw new TypeError(
    `Cannot create ${HANDLER} as 'model' must be a folder: a path, a file: URL or an s3:// URI that ends with '/': current value is ${String(model)}`,
  );
}

/** Options that only some tasks have. */
const TASK_OPTIONS = [
  'topK',
  'functionToApply',
  'pooling',
  'normalize',
  'candidateLabels',
  'hypothesisTemplate',
  'multiLabel',
  'aggregationStrategy',
  'ignoreLabels',
] as const;

/** Options of all tasks on texts. */
const TEXT_OPTIONS = ['inputs', 'maxTokens', 'truncation'] as const;

/** @throws TypeError if an option is of another task */
export function checkTaskOptions(options: TaskOptions, { options: known, reads }: PipelineTask): void {
  const names = reads === 'texts' ? TASK_OPTIONS : [...TASK_OPTIONS, ...TEXT_OPTIONS];
  const other = names.find((name) => options[name] !== undefined && !known.includes(name));
  if (other === undefined) return;
  throw new TypeError(
    `Cannot create ${HANDLER} as '${other}' is not an option of the task '${String(options['task'])}'`,
  );
}

const TEXT_FIELDS = { text: true, textPair: true } as const;

/** Checks the options of tasks on texts. @throws TypeError, RangeError */
export function checkTextOptions({ inputs, maxTokens, truncation }: TaskOptions): void {
  checkBoolean('truncation', truncation);
  if (maxTokens !== undefined && !isPositiveInteger(maxTokens)) {
    refuseOption('maxTokens', 'a positive integer', maxTokens);
  }
  if (inputs === undefined || isField(inputs)) return;
  const isNamed = isRecord(inputs) && isField(inputs['text']) && Object.values(inputs).every(isField);
  if (!isNamed) {
    throw new TypeError(
      `Cannot create ${HANDLER} as 'inputs' must be the name of a field, or { text: '…', textPair: '…' } with names of fields`,
    );
  }
  checkFieldNames(inputs, TEXT_FIELDS, { handler: HANDLER, option: 'inputs' });
}

function isField(value: unknown): boolean {
  return typeof value === 'string' && value !== '';
}
