/**
 * The baseline for images: one process, no framework. Decodes a batch of JPEGs, all at once in sharp's threads, infers,
 * and writes the same lines as `fabric run`. Usage: bare-images.ts <folder> <model> <output> <model label> <batch size>
 */
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';

const SIDE = 224;
const PIXELS = SIDE * SIDE;
const CLASSES = 10;
const [folder = '', model = '', output = '', label = '', size = ''] = process.argv.slice(2);
const batchSize = Number(size);
const session = await ort.InferenceSession.create(model);
const files = (await readdir(folder)).sort();
const out = createWriteStream(output);

async function decode(file: string, target: Float32Array): Promise<void> {
  const image = sharp(await readFile(file))
    .resize(SIDE, SIDE, { fit: 'fill' })
    .removeAlpha();
  const pixels = await image.raw().toBuffer();
  for (let channel = 0; channel < 3; channel += 1) {
    for (let pixel = 0; pixel < PIXELS; pixel += 1) {
      target[channel * PIXELS + pixel] = (pixels[pixel * 3 + channel] ?? 0) / 255;
    }
  }
}

for (let first = 0; first < files.length; first += batchSize) {
  const batch = files.slice(first, first + batchSize);
  const data = new Float32Array(batch.length * 3 * PIXELS);
  await Promise.all(
    batch.map((file, index) => decode(join(folder, file), data.subarray(index * 3 * PIXELS, (index + 1) * 3 * PIXELS))),
  );
  const results = await session.run({ image: new ort.Tensor('float32', data, [batch.length, 3, SIDE, SIDE]) });
  const scores = results['scores']?.data as Float32Array;
  let text = '';
  batch.forEach((_, index) => {
    const prediction = { scores: Array.from(scores.subarray(index * CLASSES, (index + 1) * CLASSES)) };
    text += `${JSON.stringify({ id: `${basename(folder)}#${first + index}`, prediction, model: label })}\n`;
  });
  if (!out.write(text)) await once(out, 'drain');
}
await new Promise<void>((resolve) => {
  out.end(resolve);
});
