import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '../../../lib/jobs/job.ts';
import { contentsBelow, type InputRunner, numbers } from './run-inputs.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

export async function jobIn(folder: string): Promise<Job> {
  return JSON.parse(await readFile(join(folder, '_job.json'), 'utf8')) as Job;
}

/** A finished run of the pipeline `double` over 20 numbers, two of which fail. */
export async function finishedRun(
  run: InputRunner,
  name = 'n.jsonl',
  compress = (text: string): string | Uint8Array => text,
) {
  const root = await temporaryFolder();
  const input = await writeIn(root, name, compress(numbers(20, [3, 17])));
  const output = join(root, 'out');
  await run('double', [input], { output });
  const folder = join(output, 'double', name);
  const { id, of } = await jobIn(folder);
  const part = (bundle: number): string =>
    `part-${String(bundle).padStart(5, '0')}-of-${String(of).padStart(5, '0')}.jsonl`;
  const errorsPart = (bundle: number): string => `_errors/${part(bundle).replace('part', 'errors')}`;
  const staged = (bundle: number, what: string): string =>
    join(output, '.fabric/double', id, `${part(bundle).replace('.jsonl', '')}.${what}`);
  return { root, input, output, folder, id, of, part, errorsPart, staged, expected: await contentsBelow(folder) };
}
