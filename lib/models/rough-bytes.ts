import { withinStack } from '../elements/nesting.ts';

/** About how many bytes a value takes in structured clone. @throws NestingError */
export function roughBytes(value: unknown): number {
  return withinStack(() => bytesOf(value));
}

function bytesOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (typeof value !== 'object' || value === null) return 8;
  if (ArrayBuffer.isView(value)) return value.byteLength;
  if (Array.isArray(value)) return typeof value[0] === 'number' ? value.length * 8 : sumOf(value);
  return sumOf(Object.values(value));
}

function sumOf(values: readonly unknown[]): number {
  let sum = 8;
  for (const value of values) sum += bytesOf(value);
  return sum;
}
