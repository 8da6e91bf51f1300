import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Manifest } from '../../../lib/jobs/manifest.ts';
import { localSession } from './local-session.ts';

describe('a pipeline whose model does not load', () => {
  test(
    'gives up after five tries: the manifest says why, and nothing is tried for ever',
    { timeout: 60_000 },
    async () => {
      const { drop, done, output, events, logged, fabric } = await localSession();
      await drop('corrupt/c.jsonl', '{"n":1}\n');
      await drop('numbers/n.jsonl', '{"n":1}\n');
      await done();
      expect(await fabric.parked()).toBe(1);
      const manifest = JSON.parse(await readFile(join(output, 'corrupt/c.jsonl/_manifest.json'), 'utf8')) as Manifest;
      expect(manifest.status).toBe('incomplete');
      expect(manifest.missing).toEqual([
        {
          name: 'part-00000-of-00001.jsonl',
          error: { name: 'ModelLoadError', message: expect.stringContaining("corrupt.onnx can't be loaded") as string },
        },
      ]);
      // The pipeline beside it does not suffer.
      expect(events.map(({ pipeline, status }) => `${pipeline} ${status}`).toSorted()).toEqual([
        'corrupt incomplete',
        'numbers complete',
      ]);
      expect(logged.map(({ message, fields }) => `${message} ${String(fields['receiveCount'])}`)).toEqual(
        [1, 2, 3, 4, 5].map((receive) => `a message failed ${receive}`),
      );
    },
  );
});
