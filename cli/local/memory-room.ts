import { stat } from 'node:fs/promises';
import type { StagingRoom } from '../../lib/formats/input-limits.ts';

/** Share of the available memory for one object: several are in flight, and their results are kept beside them. */
const OBJECT_SHARE = 1 / 8;

const ADVICE = "'fabric local' keeps objects in memory; 'fabric run' does not";

/** Returns the room for one more object in the embedded S3, which keeps objects in memory. */
export function memoryRoom(availableBytes: number = process.availableMemory()): StagingRoom {
  return { byteLength: Math.floor(availableBytes * OBJECT_SHARE), advice: ADVICE };
}

/** @throws Error if a file does not fit into the room */
export async function expectRoom(path: string, { byteLength, advice }: StagingRoom = memoryRoom()): Promise<void> {
  const { size } = await stat(path);
  if (size > byteLength) throw new Error(`it has ${size} bytes, and there is room for ${byteLength}: ${advice}`);
}
