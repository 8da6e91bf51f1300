import { stat } from 'node:fs/promises';
import type { StagingRoom } from '../../lib/formats/input-limits.ts';
import { counted, number } from '../format/amounts.ts';

/** Share of the available memory for one object: several are in flight, and their results are in memory too. */
const OBJECT_SHARE = 1 / 8;

const ADVICE = "'fabric local' keeps objects in memory; 'fabric run' does not";

/** Returns the available room for one object in the embedded S3, which keeps objects in memory. */
export function memoryRoom(availableBytes: number = process.availableMemory()): StagingRoom {
  return { byteLength: Math.floor(availableBytes * OBJECT_SHARE), advice: ADVICE };
}

/** @throws Error if a file does not fit into the room */
export async function expectRoom(path: string, { byteLength, advice }: StagingRoom = memoryRoom()): Promise<void> {
  const { size } = await stat(path);
  if (size > byteLength)
    throw new Error(`it has ${counted(size, 'byte')}, but there is only room for ${number(byteLength)}: ${advice}`);
}
