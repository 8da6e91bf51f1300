import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { InspectedModel } from '../../../lib/models/inspect-onnx.ts';
import { fabricHere } from '../../fabric-here.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';
import { complaint } from '../complaints.ts';

const MODELS = fileURLToPath(new URL('../../models/', import.meta.url));
const EXAMPLES = fileURLToPath(new URL('../../../examples/models/', import.meta.url));

async function inspected(path: string, status = 0): Promise<InspectedModel> {
  const ended = await fabricHere(['inspect', path, '--json']);
  expect(ended).toMatchObject({ status, stderr: '' });
  return JSON.parse(ended.stdout) as InspectedModel;
}

async function refusal(path: string): Promise<string> {
  return complaint(await fabricHere(['inspect', path]), 1);
}

describe('fabric inspect', () => {
  test('prints inputs, outputs, opset, producer, size and digest of a model from scikit-learn', async () => {
    const path = join(EXAMPLES, 'wine.onnx');
    const bytes = await readFile(path);
    expect(await inspected(path)).toEqual({
      model: path,
      kind: 'onnx',
      bytes: bytes.length,
      digest: createHash('sha256').update(bytes).digest('hex'),
      externalData: [],
      irVersion: expect.any(Number) as number,
      opset: { 'ai.onnx': expect.any(Number) as number, 'ai.onnx.ml': expect.any(Number) as number },
      producer: expect.stringMatching(/^skl2onnx \d/) as string,
      inputs: [{ name: 'features', datatype: 'FP32', shape: ['N', 13], batchDimension: 0 }],
      outputs: [
        { name: 'label', datatype: 'INT64', shape: ['N'], batchDimension: 0 },
        { name: 'probabilities', datatype: 'FP32', shape: ['N', 3], batchDimension: 0 },
      ],
    });
    const { stdout } = await fabricHere(['inspect', path]);
    expect(stdout.split('\n').slice(-7)).toEqual([
      'inputs',
      "  'features'       FP32 [batch, 13]",
      'outputs',
      "  'label'          INT64 [batch]",
      "  'probabilities'  FP32 [batch, 3]",
      `OK: the model can be run. Try it: fabric predict ${path} <input>`,
      '',
    ]);
  });

  test('names the external data with its size, and counts it in the digest', async () => {
    const path = join(MODELS, 'external.onnx');
    const files = await Promise.all([path, `${path}.data`].map((file) => readFile(file)));
    expect(await inspected(path)).toMatchObject({
      bytes: files[0]?.length,
      externalData: [{ path: 'external.onnx.data', bytes: 256 }],
      digest: createHash('sha256').update(Buffer.concat(files)).digest('hex'),
    });
  });

  test.each([
    ['fixed-batch', { fixedBatchSize: 4, inputs: [{ name: 'x', shape: [4, 3], batchDimension: 0 }] }],
    ['scales', { inputs: [{ batchDimension: 0 }, { name: 'scales', shape: [3], batchDimension: null }] }],
    ['no-batch', { inputs: [{ batchDimension: null }], warning: expect.stringMatching(/one element at a time/) }],
    ['sequence', { inputs: [{ name: 'tokens', datatype: 'INT64', shape: ['N', 'L'] }, { name: 'mask' }] }],
    [
      'unranked',
      {
        outputs: [
          { name: 'y', shape: null },
          { name: 'total', shape: null },
        ],
      },
    ],
  ])('shows which dimension is the batch: %s', async (model, facts) => {
    expect(await inspected(join(MODELS, `${model}.onnx`))).toMatchObject(facts);
  });

  test('names the outputs to choose if others are not tensors', async () => {
    const path = join(MODELS, 'zipmap.onnx');
    expect(await inspected(path)).toMatchObject({
      outputNames: ['output_label'],
      outputs: [
        { name: 'output_label', datatype: 'INT64', batchDimension: 0 },
        { name: 'output_probability', datatype: 'sequence', batchDimension: null },
      ],
    });
    const { stdout } = await fabricHere(['inspect', path]);
    expect(stdout).toContain("set outputNames: ['output_label']");
  });

  test.each([
    ['bad-output', /^can't be run: output 'total' has dimension 0 fixed at 1.*'outputNames'/],
    ['detections', /^can't be run: output 'dets' has a dimension 0 'num_dets'/],
    ['bfloat16', /^can't be loaded: output 'y' is of type bfloat16.*\(Cast\)$/],
  ])('explains why a model would be refused, and ends with 1: %s', async (model, reason) => {
    const facts = await inspected(join(MODELS, `${model}.onnx`), 1);
    expect(facts.refused).toMatch(reason);
    expect(facts.inputs).toMatchObject([{ name: 'x', datatype: 'FP32' }]);
  });

  test('ends with 1 for a file that is not a model, is missing, or is a folder', async () => {
    const folder = await temporaryFolder();
    const text = await writeIn(folder, 'notes.onnx', 'not a model');
    const missing = join(folder, 'missing.onnx');
    expect(await refusal(text)).toMatch(/notes\.onnx is not an ONNX model/);
    expect(await refusal(missing)).toMatch(/missing\.onnx can't be read: ENOENT/);
    expect(await refusal(folder)).toMatch(/is a folder: name the \.onnx file in it/);
  });
});
