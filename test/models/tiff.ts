type Samples = Uint8Array | Uint16Array | Uint32Array | Int16Array | Int32Array | Float32Array | Float64Array;

export interface TiffOptions {
  readonly width: number;
  readonly height: number;
  /** Samples of a pixel. @default 1 */
  readonly channels?: number;
  /** 0: white is zero, 1: black is zero, 2: RGB, 5: CMYK. @default 1 for one channel, else 2 */
  readonly photometric?: number;
  /** Bits of a sample, where `samples` are packed bytes. @default those of the array's type */
  readonly bits?: number;
}

const SHORT = 3;
const LONG = 4;

/** An uncompressed TIFF (6.0) of one strip, little-endian, whose samples are those of the array. */
export function tiff(samples: Samples, { width, height, channels = 1, ...options }: TiffOptions): Uint8Array {
  const bits = options.bits ?? samples.BYTES_PER_ELEMENT * 8;
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  const bitsAt = 8 + bytes.length;
  const directoryAt = bitsAt + 2 * channels + ((bytes.length + 2 * channels) % 2);
  const entries: readonly (readonly [tag: number, type: number, count: number, value: number])[] = [
    [256, LONG, 1, width],
    [257, LONG, 1, height],
    // Two shorts fit into the entry itself.
    [258, SHORT, channels, channels === 1 ? bits : channels === 2 ? bits + bits * 0x1_0000 : bitsAt],
    [259, SHORT, 1, 1],
    [262, SHORT, 1, options.photometric ?? (channels < 3 ? 1 : 2)],
    [273, LONG, 1, 8],
    [277, SHORT, 1, channels],
    [278, LONG, 1, height],
    [279, LONG, 1, bytes.length],
    [339, SHORT, 1, sampleFormat(samples)],
  ];
  const file = Buffer.alloc(directoryAt + 2 + 12 * entries.length + 4);
  file.write('II*\0', 'latin1');
  file.writeUInt32LE(directoryAt, 4);
  file.set(bytes, 8);
  for (let channel = 0; channel < channels; channel += 1) file.writeUInt16LE(bits, bitsAt + 2 * channel);
  file.writeUInt16LE(entries.length, directoryAt);
  entries.forEach(([tag, type, count, value], index) => {
    const at = directoryAt + 2 + 12 * index;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8);
  });
  return file;
}

/** 1: unsigned, 2: signed, 3: floating point. */
function sampleFormat(samples: Samples): number {
  if (samples instanceof Float32Array || samples instanceof Float64Array) return 3;
  return samples instanceof Int16Array || samples instanceof Int32Array ? 2 : 1;
}
