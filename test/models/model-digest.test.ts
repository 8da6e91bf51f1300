import { createHash } from 'node:crypto';
import { appendFile, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { digestOfOnnxModel, shownDigest } from '../../lib/models/model-digest.ts';
import { modelFile, modelFolder } from './model-files.ts';

describe('digestOfOnnxModel', () => {
  test('is the SHA-256 of the file, for a model that is one file', async () => {
    const digest = createHash('sha256')
      .update(await readFile(modelFile('mlp.onnx')))
      .digest('hex');
    expect(await digestOfOnnxModel(modelFile('mlp.onnx'))).toBe(digest);
    expect(shownDigest(digest)).toBe(digest.slice(0, 12));
  });

  test('changes when only the external data changes', async () => {
    const folder = await modelFolder('external.onnx', 'external.onnx.data');
    const model = join(folder, 'external.onnx');
    const before = await digestOfOnnxModel(model);
    expect(before).toBe(await digestOfOnnxModel(modelFile('external.onnx')));
    const weights = await readFile(`${model}.data`);
    weights.writeUInt8(weights.readUInt8(0) ^ 1, 0);
    await writeFile(`${model}.data`, weights);
    const after = await digestOfOnnxModel(model);
    expect(after).not.toBe(before);
    await appendFile(model, Buffer.from([]));
    expect(await digestOfOnnxModel(model)).toBe(after);
  });

  test('covers external data whose path is longer than a one-byte length can say', async () => {
    const folder = await modelFolder('external.onnx', 'external.onnx.data');
    const model = join(folder, 'external.onnx');
    const location = `${'weights-'.repeat(20)}.data`;
    await rename(`${model}.data`, join(folder, location));
    // As in onnx.proto a field is its tag, its length as a varint, its bytes.
    const field = Buffer.from([0x12, (location.length & 0x7f) | 0x80, location.length >> 7]);
    const before = await readFile(model, 'latin1');
    await writeFile(model, before.replace('\x12\x12external.onnx.data', field.toString('latin1') + location), 'latin1');
    const digest = await digestOfOnnxModel(model);
    await appendFile(join(folder, location), 'x');
    expect(await digestOfOnnxModel(model)).not.toBe(digest);
  });

  test('rejects where the external data is missing', async () => {
    const folder = await modelFolder('external.onnx', 'external.onnx.data');
    await rm(join(folder, 'external.onnx.data'));
    await expect(digestOfOnnxModel(join(folder, 'external.onnx'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});
