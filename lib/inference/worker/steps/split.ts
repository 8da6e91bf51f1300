import { hash } from 'node:crypto';
import type { BranchStep } from '../../../config/steps.ts';
import { FabricError } from '../../../errors.ts';

/** How far `split` may be told apart: the first 32 bits of a digest. */
const HASH_VALUES = 2 ** 32;

/**
 * Chooses one of several names for each id by their weights: the same for an id whenever and wherever it is asked. An id
 * falls at the first 32 bits of its SHA-256, big-endian, scaled to the sum of the weights, which lie side by side.
 */
export function weightedChoice(weights: readonly (readonly [name: string, weight: number])[]): (id: string) => string {
  const sum = weights.reduce((total, [, weight]) => total + weight, 0);
  // Where the scaled bits round up to the sum.
  const last = weights.findLast(([, weight]) => weight > 0)?.[0] ?? '';
  return (id) => {
    const place = (hash('sha256', id, 'buffer').readUInt32BE(0) / HASH_VALUES) * sum;
    let end = 0;
    for (const [name, weight] of weights) {
      end += weight;
      if (place < end) return name;
    }
    return last;
  };
}

/** Checks what a split function gave. @throws UnknownBranchError */
export function checkedBranch(name: unknown, branches: BranchStep['branches']): string {
  if (typeof name === 'string' && Object.hasOwn(branches, name)) return name;
  throw new UnknownBranchError(name, Object.keys(branches));
}

/** A split function named none of the branches. */
class UnknownBranchError extends FabricError {
  override readonly name = 'UnknownBranchError';
  constructor(named: unknown, branches: readonly string[]) {
    // Not what it gave, which may well be a piece of the element.
    const given = typeof named === 'string' ? 'another name' : named === null ? 'null' : typeof named;
    super('UNKNOWN_BRANCH', `the split function must name one of ${branches.join(', ')}: it gave ${given}`, {
      disposition: 'poison',
    });
  }
}
