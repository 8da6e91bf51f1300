import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { FabricError } from '../errors.ts';
import { openSpool } from '../stores/atomic-file.ts';
import type { FoundFile, ModelReader } from './model-reader.ts';

export interface SaveFileOptions {
  readonly files: ModelReader;
  /** Where it is written, by its name. */
  readonly folder: string;
  readonly signal: AbortSignal;
  /** Sees the content as it comes. */
  readonly onChunk: (chunk: Uint8Array) => void;
}

/**
 * Writes a file of a model, and checks that it came whole and right.
 *
 * @throws errors of code MODEL_CUT_SHORT and MODEL_CORRUPT, disposition `retry`; or what reading it throws.
 */
export async function saveFile(
  file: FoundFile,
  { files, folder, signal, onChunk: take }: SaveFileOptions,
): Promise<void> {
  const md5 = createHash('md5');
  await using spool = await openSpool(join(folder, file.name));
  for await (const chunk of files.read(file, { signal })) {
    take(chunk);
    if (file.md5 !== undefined) md5.update(chunk);
    await spool.write(chunk);
  }
  const { byteLength } = spool;
  if (byteLength !== file.byteLength) {
    const message = `Cannot fetch the model ${file.uri}: ${byteLength} of its ${file.byteLength} bytes came`;
    throw new FabricError('MODEL_CUT_SHORT', message, { disposition: 'retry' });
  }
  const got = md5.digest('hex');
  if (file.md5 === undefined || file.md5 === got) return;
  const message = `Cannot fetch the model ${file.uri}: what came has the MD5 ${got}, and its ETag is ${file.md5}`;
  throw new FabricError('MODEL_CORRUPT', message, { disposition: 'retry' });
}
