/** Returns true for numbers whose elements must fail. */
export function isUnlucky(n: number): boolean {
  return n % 7 === 3;
}

export function doubleOf(n: number): number {
  if (isUnlucky(n)) throw new RangeError('an unlucky number');
  return n * 2;
}
