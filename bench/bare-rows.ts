/**
 * The baseline for rows: one process, no framework. Reads a JSONL file, parses, batches, infers and writes the same
 * lines as `fabric run`. Usage: bare-rows.ts <input> <model> <output> <model label> <batch size>
 */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { basename } from 'node:path';
import * as ort from 'onnxruntime-node';

const NUMBERS_PER_ROW = 30;
const [input = '', model = '', output = '', label = '', size = ''] = process.argv.slice(2);
const batchSize = Number(size);
const name = basename(input);
const session = await ort.InferenceSession.create(model);
const out = createWriteStream(output);
let features = new Float32Array(batchSize * NUMBERS_PER_ROW);
let offsets: number[] = [];

async function infer(): Promise<void> {
  const rows = offsets.length;
  if (rows === 0) return;
  const x = new ort.Tensor('float32', features.subarray(0, rows * NUMBERS_PER_ROW), [rows, NUMBERS_PER_ROW]);
  const { probabilities } = await session.run({ x });
  const data = probabilities?.data as Float32Array;
  let text = '';
  for (let row = 0; row < rows; row += 1) {
    const prediction = { probabilities: [data[row * 2], data[row * 2 + 1]] };
    text += `${JSON.stringify({ id: `${name}#${offsets[row]}`, prediction, model: label })}\n`;
  }
  if (!out.write(text)) await once(out, 'drain');
  features = new Float32Array(batchSize * NUMBERS_PER_ROW);
  offsets = [];
}

let rest = '';
let offset = 0;
for await (const chunk of createReadStream(input, { encoding: 'latin1', highWaterMark: 256 * 1024 })) {
  const text = rest + (chunk as string);
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
    const { x } = JSON.parse(text.slice(start, end)) as { readonly x: readonly number[] };
    features.set(x, offsets.length * NUMBERS_PER_ROW);
    offsets.push(offset + start);
    start = end + 1;
    if (offsets.length === batchSize) await infer();
  }
  offset += start;
  rest = text.slice(start);
}
await infer();
await new Promise<void>((resolve) => {
  out.end(resolve);
});
