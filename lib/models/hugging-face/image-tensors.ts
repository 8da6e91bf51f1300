import { ModelLoadError } from '../../errors.ts';
import type { ElementCodec } from '../element-codec.ts';
import { InputMismatchError, isRecord } from '../element-shape.ts';
import { typeName } from '../misfit-message.ts';
import { allocate, type NamedTensors, type NumericDatatype, type TensorMetadata, widthOf } from '../tensor.ts';
import { readImageOptions } from './image-processing.ts';
import type { ImageFolder } from './pipeline-task.ts';

/** Dimensions of the pixels of a batch: images, channels, height, width. */
const DIMENSIONS = 4;

/** @throws ModelLoadError if the model's only input is not the pixels of images */
export function checkImageInput(inputs: readonly TensorMetadata[], path: string): void {
  const [pixels] = inputs;
  if (inputs.length === 1 && pixels?.shape.length === DIMENSIONS) return;
  const found = inputs.map(({ name, shape }) => `'${name}' [${shape.join(', ')}]`).join(', ');
  throw new ModelLoadError(
    `${path} must have one input of four dimensions, the pixels of images, for a task on images: its inputs are ${found}`,
  );
}

/** Returns the part of a codec that reads images: decoded, resized and normalised as the folder's configuration has it. */
export async function imageCodec({
  settings,
  inputs,
  imageDecoder,
}: ImageFolder): Promise<Omit<ElementCodec<Float32Array>, 'predictionOf'>> {
  const options = await readImageOptions(settings);
  const decode = imageDecoder(options);
  const { width = 0, height = 0, channels } = options;
  const [input] = inputs;
  const { name = 'pixel_values', datatype = 'FP32' } = input ?? {};
  const size = channels * width * height;
  return {
    async load(element) {
      const image = readImage(element);
      return decode(image, { id: '', input: image });
    },
    // The result of `load`.
    prepare: (element) => element as Float32Array,
    keyOf: () => '',
    lengthOf: () => 0,
    weightOf: () => 1,
    bytesOf: () => size * widthOf(datatype),
    collate(batch): NamedTensors {
      const data = allocate(datatype as NumericDatatype, batch.length * size) as Float32Array;
      batch.forEach((pixels, index) => data.set(pixels, index * size));
      return { [name]: { datatype, shape: [batch.length, channels, height, width], data } };
    },
  };
}

/** An image as formats read it. */
interface ImageElement {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly uri: string;
}

function readImage(element: unknown): ImageElement {
  if (isRecord(element) && element['bytes'] instanceof Uint8Array) {
    const { bytes, contentType = '', uri = '' } = element;
    return { bytes, contentType: String(contentType), uri: String(uri) };
  }
  throw new InputMismatchError(
    `an element must be an image, as the format 'images' reads it: got ${typeName(element)}`,
  );
}
