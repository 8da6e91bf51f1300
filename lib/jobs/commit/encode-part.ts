import { stat } from 'node:fs/promises';
import { partWriter } from '../../formats/parts/part-formats.ts';
import type { PartFormat } from '../../formats/parts/part-writer.ts';
import type { Spool } from '../../stores/atomic-file.ts';

/** A part on local disk. */
export type PartFile = Pick<Spool, 'path' | 'byteLength'>;

/** Returns the part that a spool of lines becomes: the spool itself if the lines are the part, else a file beside it. */
export async function encodePart(lines: Spool, format: PartFormat): Promise<PartFile> {
  const writer = partWriter(format);
  if (writer.writePart === undefined) return lines;
  const path = lines.path + writer.suffix;
  await writer.writePart(lines.path, path, format);
  return { path, byteLength: (await stat(path)).size };
}
