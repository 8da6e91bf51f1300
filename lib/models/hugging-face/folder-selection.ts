import { ModelLoadError } from '../../errors.ts';
import { suggestion } from '../../nearest-name.ts';

/**
 * Variants of a model's weights, by their names in transformers.js and `optimum`, and the ends of the names of their
 * files: `onnx/model_quantized.onnx` is `q8`.
 */
const SUFFIXES = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
} as const;

/** Variant of a model's weights. */
export type HuggingFaceDtype = keyof typeof SUFFIXES;

export const DTYPES = Object.keys(SUFFIXES) as readonly HuggingFaceDtype[];

const ONNX = '.onnx';
/** Folders that have the ONNX file: a Hugging Face repository has `onnx/`, an export by `optimum` no folder. */
const ONNX_FOLDERS: readonly string[] = ['onnx/', ''];
/** Files of the tokenizer and the configuration, in the folder itself and in those of modules, such as `1_Pooling/`. */
const CONFIGURATION = /^(?:\d+_\w+\/)?[\w.-]+\.json$/;

/** Files of a model folder that a handler uses. */
export interface FolderSelection {
  /** Name of the ONNX file. */
  readonly onnx: string;
  /** Names of all files, in the order of the names given. */
  readonly names: readonly string[];
}

/**
 * Selects the files of a model folder: its configuration, and the one ONNX file of a variant with the files of its
 * weights.
 *
 * @param dtype - undefined for `fp32`, or for the only variant if there is one alone
 * @throws ModelLoadError if there is no ONNX file, or not this variant; it lists those that are there
 */
export function selectFiles(
  names: readonly string[],
  dtype: HuggingFaceDtype | undefined,
  folder: string,
): FolderSelection {
  const files = names.filter((name) => name.endsWith(ONNX) && ONNX_FOLDERS.includes(folderOf(name)));
  const onnx = onnxFile(files, dtype, folder);
  const stem = onnx.slice(0, -ONNX.length);
  const isWeights = (name: string): boolean =>
    name.startsWith(`${stem}.`) || (name.startsWith(`${onnx}_`) && !name.endsWith(ONNX));
  return { onnx, names: names.filter((name) => name === onnx || isWeights(name) || CONFIGURATION.test(name)) };
}

function onnxFile(files: readonly string[], dtype: HuggingFaceDtype | undefined, folder: string): string {
  if (files.length === 0) {
    const command = `optimum-cli export onnx --model ${folder} ${folder}`;
    throw new ModelLoadError(`${folder} has no onnx/model.onnx: export the model, in Python with \`${command}\``);
  }
  const wanted = ONNX_FOLDERS.map((place) => `${place}model${SUFFIXES[dtype ?? 'fp32']}${ONNX}`);
  const found = wanted.find((name) => files.includes(name));
  if (found !== undefined) return found;
  const [only] = files;
  if (dtype === undefined && files.length === 1 && only !== undefined) return only;
  const variants = files.map(shownVariant).toSorted().join(', ');
  throw new ModelLoadError(
    `${folder} has no ${wanted[0]}, the file of dtype '${dtype ?? 'fp32'}'; 'dtype' can be one of: ${variants}`,
  );
}

/** Shows a file as its dtype and its name: `q8 (onnx/model_quantized.onnx)`. */
function shownVariant(file: string): string {
  const base = file.slice(folderOf(file).length, -ONNX.length);
  const dtype = DTYPES.find((one) => base === `model${SUFFIXES[one]}`);
  return dtype === undefined ? file : `'${dtype}' (${file})`;
}

function folderOf(name: string): string {
  return name.slice(0, name.lastIndexOf('/') + 1);
}

/** @throws RangeError if it is not a known variant */
export function checkDtype(dtype: string | undefined): void {
  if (dtype === undefined || DTYPES.some((known) => known === dtype)) return;
  const known = DTYPES.map((one) => `'${one}'`).join(', ');
  throw new RangeError(
    `Cannot create HuggingFacePipelineModelHandler as 'dtype' must be ${known}: current value is '${dtype}'${suggestion(dtype, DTYPES)}`,
  );
}
