import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { toJson } from '../../lib/inference/worker/json.ts';
import { rowJson } from '../../lib/models/row-json.ts';
import { rowOf } from '../../lib/models/tensor-rows.ts';
import type { Tensor } from '../../lib/models/tensor.ts';

const ROWS = 3;

function tensor<Value>(
  datatype: Tensor['datatype'],
  value: fc.Arbitrary<Value>,
  make: (values: Value[]) => Tensor['data'],
) {
  const shape = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 3 });
  return shape.chain((row) => {
    const length = row.reduce((product, size) => product * size, ROWS);
    return fc
      .array(value, { minLength: length, maxLength: length })
      .map((values): Tensor => ({ datatype, shape: [ROWS, ...row], data: make(values) }));
  });
}

const integers = { min: -(2n ** 63n), max: 2n ** 63n - 1n };
const TENSORS = fc.oneof(
  tensor('FP32', fc.float(), (values) => Float32Array.from(values)),
  tensor('FP64', fc.double(), (values) => Float64Array.from(values)),
  tensor('INT32', fc.integer(), (values) => Int32Array.from(values)),
  tensor('INT64', fc.oneof(fc.bigInt(integers), fc.bigInt({ min: -9n, max: 9n })), (values) =>
    BigInt64Array.from(values),
  ),
  tensor('BOOL', fc.integer({ min: 0, max: 1 }), (values) => Uint8Array.from(values)),
  tensor('BYTES', fc.string({ unit: 'binary' }), (values) => values),
);

test('writes rows of tensors as JSON with the text of their values', () => {
  const outputs = fc.dictionary(
    fc.string().filter((name) => name !== '__proto__'),
    TENSORS,
    { maxKeys: 3 },
  );
  fc.assert(
    fc.property(outputs, fc.integer({ min: 0, max: ROWS - 1 }), (tensors, row) => {
      expect(rowJson(tensors)(row)).toBe(toJson(rowOf(tensors, row)));
    }),
    { numRuns: 300 },
  );
});
