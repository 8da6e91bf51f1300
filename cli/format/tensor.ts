import { isFree } from '../../lib/models/tensor.ts';

/** A tensor to describe. */
export interface DescribedTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly (number | string)[];
}

/** Formats a tensor, such as `'X': FP32 [batch, 30]`. */
export function describedTensor(tensor: DescribedTensor, hasBatch = true): string {
  return `'${tensor.name}': ${tensor.datatype} ${describedShape(tensor, hasBatch)}`;
}

/** Formats the shape of a tensor, such as `[batch, 30]`. */
export function describedShape({ shape }: Pick<DescribedTensor, 'shape'>, hasBatch = true): string {
  const dimensions = shape.map((dimension, index) => {
    if (!isFree(dimension)) return String(dimension);
    if (index === 0 && hasBatch) return 'batch';
    return typeof dimension === 'string' && dimension !== '' ? dimension : 'any';
  });
  return `[${dimensions.join(', ')}]`;
}
