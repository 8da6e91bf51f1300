import { defineFabric, type NamedTensors, OnnxModelHandler, runInference } from 'inference-fabric';

const PIXELS = 8 * 8;

/** Digits as bytes, 0 to 255, scaled while they are packed: one pass, and no array for each element. */
class DigitModelHandler extends OnnxModelHandler<{ readonly pixels: readonly number[] }, { readonly label: number }> {
  override collate(batch: readonly { readonly pixels: readonly number[] }[]): NamedTensors {
    const data = new Float32Array(batch.length * PIXELS);
    batch.forEach(({ pixels }, row) => {
      if (pixels.length !== PIXELS) throw new RangeError(`'pixels' must be ${PIXELS} values: got ${pixels.length}`);
      pixels.forEach((value, index) => {
        data[row * PIXELS + index] = value / 255;
      });
    });
    return { pixels: { datatype: 'FP32', shape: [batch.length, PIXELS], data } };
  }
}

const handler = new DigitModelHandler({ modelUri: '../models/digits.onnx', outputNames: ['label'] });

export default defineFabric({
  pipelines: {
    digits: { input: { format: 'jsonl', id: 'id' }, steps: [runInference(handler)] },
  },
});
