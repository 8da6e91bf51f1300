import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { copiesOf, countGpus } from '../../lib/hosts/gpus.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { temporaryFolder } from '../temporary-folder.ts';

describe('countGpus', () => {
  test('is what the driver has, less what CUDA_VISIBLE_DEVICES hides', async () => {
    const folder = await temporaryFolder();
    for (const gpu of ['0000:00:1b.0', '0000:00:1c.0', '0000:00:1d.0']) await mkdir(join(folder, gpu));
    const counts = [undefined, '2', '0,2', 'GPU-5011ec65,GPU-ffe1', '0,-1,2', '', '-1', '0,1,2,3,4'].map((visible) =>
      countGpus({ CUDA_VISIBLE_DEVICES: visible }, folder),
    );
    expect(counts).toEqual([3, 1, 2, 2, 1, 0, 0, 3]);
  });

  test('is none where there is no such driver', async () => {
    const folder = join(await temporaryFolder(), 'gpus');
    expect(countGpus({}, folder)).toBe(0);
    expect(countGpus({ CUDA_VISIBLE_DEVICES: '0,1' }, folder)).toBe(0);
  });
});

describe('copiesOf', () => {
  test('is one for each GPU, unless the handler says otherwise or computes elsewhere', () => {
    const gpu = { modelUri: 'm.onnx', device: 'GPU' } as const;
    expect(copiesOf(new OnnxModelHandler(gpu), 4)).toBe(4);
    expect(copiesOf(new OnnxModelHandler(gpu), 0)).toBe(1);
    expect(copiesOf(new OnnxModelHandler({ ...gpu, modelCopies: 1 }), 4)).toBe(1);
    expect(copiesOf(new OnnxModelHandler({ ...gpu, modelCopies: 8 }), 4)).toBe(8);
    expect(copiesOf(new OnnxModelHandler({ ...gpu, largeModel: true }), 4)).toBe(1);
    expect(copiesOf(new OnnxModelHandler({ modelUri: 'm.onnx' }), 4)).toBe(1);
  });
});
