import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { defineFabric, map } from 'inference-fabric';
import { expect, test } from 'vitest';
import { folderOutput } from '../../../lib/jobs/run/folder-output.ts';
import { runLooseElements } from '../../../lib/jobs/run/run-loose-elements.ts';
import { temporaryFolder } from '../../temporary-folder.ts';
import { filesBelow } from './run-inputs.ts';

const { pipelines } = defineFabric({
  pipelines: { bytes: { input: { format: 'binary' }, steps: [map((value) => value)] } },
});

test('objects that were answered before a run is ended keep their answers', async () => {
  const root = await temporaryFolder();
  const pipeline = pipelines['bytes'];
  if (pipeline === undefined) throw new Error('there is no such pipeline');
  const inputs = ['a', 'b'].map((name) => ({ kind: 'element', name, uri: join(root, name) }) as const);
  const running = runLooseElements(
    inputs,
    {
      pipeline,
      // Ended between the first outcome and the second.
      async process(_, sink) {
        const results = new TextEncoder().encode('{"id":"a#0","prediction":1,"model":[]}\n');
        const errors = new Uint8Array();
        await sink.write({ results, errors, elements: 1, succeeded: 1, failed: {}, models: {} });
        throw new Error('interrupted');
      },
    },
    {
      output: folderOutput(root),
      pipelineName: 'bytes',
      existing: 'refuse',
      limit: undefined,
      signal: new AbortController().signal,
    },
  );
  await expect(Array.fromAsync(running)).rejects.toThrow('interrupted');
  expect(await filesBelow(join(root, 'bytes'))).toEqual(['a.json']);
  expect(await readFile(join(root, 'bytes/a.json'), 'utf8')).toContain('"prediction":1');
});
