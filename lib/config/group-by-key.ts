import type { PipelineInput } from './pipeline.ts';

/** Checks whether elements must be sorted: those whose key is a part of the object's key are together already. */
export function groupsByKey({ groupByKey, key }: Pick<PipelineInput, 'groupByKey' | 'key'>): boolean {
  return groupByKey === true && typeof key === 'string';
}
