import type { Raster } from './resampler.ts';

/** Number of values of an 8-bit sample. */
const SAMPLE_VALUES = 256;

export interface PackOptions {
  readonly channels: 1 | 3;
  readonly layout: 'CHW' | 'HWC';
  /** @default 1 / 255 */
  readonly scale?: number;
  /** @default 0 */
  readonly mean?: readonly number[];
  /** @default 1 */
  readonly std?: readonly number[];
}

/**
 * Returns a function that packs the samples of an image as `(sample · scale - mean) / std`. The results for all 256
 * samples are computed once, so that each pixel is a look-up. The samples of a grey image go to every channel.
 */
export function samplePacker(options: PackOptions): (image: Raster) => Float32Array {
  const { channels, layout } = options;
  const [first = EMPTY, second = EMPTY, third = EMPTY] = Array.from({ length: channels }, (_, channel) =>
    sampleTable(options, channel),
  );
  return (image) => (channels === 1 ? packGrey(image, first) : packColours(image, [first, second, third], layout));
}

const EMPTY = new Float32Array(0);

function sampleTable({ scale = 1 / 255, mean, std }: PackOptions, channel: number): Float32Array {
  return Float32Array.from(
    { length: SAMPLE_VALUES },
    (_, sample) => (sample * scale - (mean?.[channel] ?? 0)) / (std?.[channel] ?? 1),
  );
}

// In the loops below, all indexes are within their arrays; checks would cost more than the rest.

function packGrey({ data, stride }: Raster, table: Float32Array): Float32Array {
  const packed = new Float32Array(data.length / stride);
  for (let pixel = 0, from = 0; pixel < packed.length; pixel += 1, from += stride)
    packed[pixel] = table[data[from] as number] as number;
  return packed;
}

type ColourTables = readonly [red: Float32Array, green: Float32Array, blue: Float32Array];

/** Packs all channels in one pass: one pass for each channel takes more than twice as long. */
function packColours(
  { data, stride }: Raster,
  [red, green, blue]: ColourTables,
  layout: PackOptions['layout'],
): Float32Array {
  const pixels = data.length / stride;
  const packed = new Float32Array(pixels * 3);
  const step = layout === 'CHW' ? 1 : 3;
  const plane = layout === 'CHW' ? pixels : 1;
  const next = stride === 3 ? 1 : 0;
  for (let pixel = 0, from = 0, to = 0; pixel < pixels; pixel += 1, from += stride, to += step) {
    packed[to] = red[data[from] as number] as number;
    packed[to + plane] = green[data[from + next] as number] as number;
    packed[to + 2 * plane] = blue[data[from + 2 * next] as number] as number;
  }
  return packed;
}
