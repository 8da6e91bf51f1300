import { folderOutput } from './folder-output.ts';
import type { RunOutput } from './run-output.ts';

/** Opens a folder for results, or `s3://<bucket>[/<prefix>]`. @throws InputError if the URI is not an S3 address */
export async function openOutput(address: string): Promise<RunOutput> {
  if (!address.startsWith('s3://')) return folderOutput(address);
  const { openStoredOutput } = await import('./stored-output.ts');
  return openStoredOutput(address);
}
