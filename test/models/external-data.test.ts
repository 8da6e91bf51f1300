import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { externalLocations, LocationScanner } from '../../lib/models/external-data.ts';
import { modelFile } from './model-files.ts';

/** A tensor's entry that names a file, as onnx.proto has it. */
function entry(location: string): Buffer {
  const { length } = Buffer.from(location);
  const size = length < 0x80 ? [length] : [(length & 0x7f) | 0x80, length >> 7];
  return Buffer.concat([Buffer.from('\x0a\x08location\x12', 'latin1'), Buffer.from(size), Buffer.from(location)]);
}

describe('externalLocations', () => {
  test('finds the files of a model, and none in one that has no such', async () => {
    expect(externalLocations(await readFile(modelFile('external.onnx')))).toEqual(['external.onnx.data']);
    expect(externalLocations(await readFile(modelFile('mlp.onnx')))).toEqual([]);
  });

  test('finds each once, in the order of their names', () => {
    const model = Buffer.concat(['b', 'a', 'b', 'c'].map(entry));
    expect(externalLocations(model)).toEqual(['a', 'b', 'c']);
  });
});

describe('LocationScanner', () => {
  test('finds the same wherever a model is cut, in a buffer that is used again', () => {
    const part = fc.oneof(
      fc.string({ minLength: 1, maxLength: 200 }).map(entry),
      fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1 }),
        (parts, cuts) => {
          const model = Buffer.concat(parts);
          const scanner = new LocationScanner();
          const buffer = Buffer.alloc(60);
          for (let start = 0, index = 0; start < model.length; index += 1) {
            const length = model.copy(buffer, 0, start, start + (cuts[index % cuts.length] ?? 1));
            scanner.push(buffer.subarray(0, length));
            start += length;
          }
          expect(scanner.locations).toEqual(externalLocations(model));
          expect(scanner.locations.length).toBeLessThanOrEqual(parts.length);
        },
      ),
    );
  });
});
