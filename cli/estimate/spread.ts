const GOLDEN_RATIO = (1 + Math.sqrt(5)) / 2;

/** All of a list, in an order in which any first part of it is taken from all over; the first stays the first. */
export function spread<T extends object>(items: readonly T[]): T[] {
  const stride = strideFor(items.length);
  return items.flatMap((_, index) => items[(index * stride) % items.length] ?? []);
}

/** The number next to the golden section of `length` that has no divisor in common with it. */
function strideFor(length: number): number {
  let stride = Math.max(1, Math.round(length / GOLDEN_RATIO));
  while (greatestDivisor(stride, length) > 1) stride += 1;
  return stride;
}

function greatestDivisor(one: number, other: number): number {
  return other === 0 ? one : greatestDivisor(other, one % other);
}
