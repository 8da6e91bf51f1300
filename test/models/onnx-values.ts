import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import type { OnnxModel } from '../../lib/models/onnx-session.ts';
import { modelFile } from './model-files.ts';

export const EXTREMES = {
  f16: [1.5, 65_504],
  f64: [0.1, 1e300],
  i8: -128,
  u8: 255,
  i16: -32_768,
  u16: 65_535,
  i32: -2_147_483_648,
  u32: 4_294_967_295,
  i64: 9_007_199_254_740_993n,
  u64: 18_446_744_073_709_551_615n,
  flag: true,
  text: 'héllo',
};

export const EXTREMES_OUT = Object.fromEntries(Object.entries(EXTREMES).map(([name, value]) => [`${name}_out`, value]));

/** The elements that differ from the first one in a field alone. */
export function elementsWith(name: string, values: readonly unknown[]): readonly unknown[] {
  return values.map((value) => Object.assign({}, EXTREMES, { [name]: value }));
}

export function load(name: string, outputNames?: readonly string[]): Promise<OnnxModel> {
  const options = outputNames === undefined ? {} : { outputNames };
  return new OnnxModelHandler({ modelUri: modelFile(name), ...options }).loadModel();
}
