import type { HeifItems } from './heif-items.ts';

/** References to the parts of a derived image, and of a plane such as alpha to its image. */
const PARTS = 'dimg';
const PLANE = 'auxl';
/** Bounds the recursion. MIAF (ISO/IEC 23000-22) allows four: an overlay of turned grids of coded images. */
const MAX_DEPTH = 8;

/**
 * Counts the pixels that are decoded to show the largest image of a file. A grid or an overlay of a few hundred bytes
 * can name one large image hundreds of times, and each time it is decoded.
 *
 * @returns Infinity if an image is a part of itself
 */
export function decodedPixels({ references, pixels }: HeifItems): number {
  const parts = new Map<number, number[]>();
  const planes = new Map<number, number[]>();
  for (const { type, from, to } of references) {
    if (type === PARTS) for (const part of to) add(parts, from, part);
    if (type === PLANE) for (const image of to) add(planes, image, from);
  }
  const known = new Map<number, number>();
  const count = (item: number, depth: number): number => {
    const before = known.get(item);
    if (before !== undefined) return before;
    // It keeps this value for an item that is a part of itself.
    known.set(item, Infinity);
    if (depth > MAX_DEPTH) return Infinity;
    const below = (items: readonly number[] = []): number =>
      items.reduce((sum, part) => sum + count(part, depth + 1), 0);
    const own = parts.has(item) ? below(parts.get(item)) : (pixels.get(item) ?? 0);
    const sum = own + below(planes.get(item));
    known.set(item, sum);
    return sum;
  };
  let most = 0;
  for (const item of new Set([...pixels.keys(), ...parts.keys()])) most = Math.max(most, count(item, 0));
  return most;
}

function add(lists: Map<number, number[]>, item: number, part: number): void {
  const list = lists.get(item);
  if (list === undefined) lists.set(item, [part]);
  else list.push(part);
}
