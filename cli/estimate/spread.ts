const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/** Reorders a list so that any first part of it is spread over the whole list. The first item stays first. */
export function spread<T extends object>(items: readonly T[]): T[] {
  const stride = strideFor(items.length);
  return items.flatMap((_, index) => items[(index * stride) % items.length] ?? []);
}

/** Returns the number next to the golden section of `length` that has no common divisor with it. */
function strideFor(length: number): number {
  let stride = Math.max(1, Math.round(length / GOLDEN_RATIO));
  while (greatestDivisor(stride, length) > 1) stride += 1;
  return stride;
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}
