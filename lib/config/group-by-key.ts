import type { PipelineInput } from './pipeline.ts';

/** Whether elements have to be sorted: those of one object that have a part of its key for theirs are together already. */
export function groupsByKey({ groupByKey, key }: Pick<PipelineInput, 'groupByKey' | 'key'>): boolean {
  return groupByKey === true && typeof key === 'string';
}
