/**
 * A loop over rows in one process, with no framework: reads JSONL or CSV, parses, batches, infers with onnxruntime-node
 * and writes the predictions. Usage: bare-rows.ts <file or folder> <model> <output>
 */
import { once } from 'node:events';
import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as ort from 'onnxruntime-node';

const WIDTH = 30;
const BATCH_SIZE = 1024;
const READ_BYTES = 256 * 1024;
const [input = '', model = '', output = ''] = process.argv.slice(2);
const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, interOpNumThreads: 1 });
const out = createWriteStream(output);
let features = new Float32Array(BATCH_SIZE * WIDTH);
let ids: string[] = [];

async function infer(): Promise<void> {
  const rows = ids.length;
  if (rows === 0) return;
  const x = new ort.Tensor('float32', features.subarray(0, rows * WIDTH), [rows, WIDTH]);
  const data = (await session.run({ x }))['probabilities']?.data as Float32Array;
  let text = '';
  ids.forEach((id, row) => {
    text += `${JSON.stringify({ id, prediction: { probabilities: [data[row * 2], data[row * 2 + 1]] } })}\n`;
  });
  if (!out.write(text)) await once(out, 'drain');
  features = new Float32Array(BATCH_SIZE * WIDTH);
  ids = [];
}

function parseJson(line: string): void {
  const { id, x } = JSON.parse(line) as { readonly id: string; readonly x: readonly number[] };
  features.set(x, ids.length * WIDTH);
  ids.push(id);
}

function parseCsv(line: string): void {
  const cells = line.split(',');
  const at = ids.length * WIDTH - 1;
  for (let column = 1; column <= WIDTH; column += 1) features[at + column] = Number(cells[column]);
  ids.push(cells[0] ?? '');
}

async function inferFile(file: string): Promise<void> {
  const isCsv = file.endsWith('.csv');
  const parse = isCsv ? parseCsv : parseJson;
  let isHeader = isCsv;
  let rest = '';
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: READ_BYTES })) {
    const text = rest + (chunk as string);
    let start = 0;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      if (isHeader) isHeader = false;
      else parse(text.slice(start, end));
      start = end + 1;
      if (ids.length === BATCH_SIZE) await infer();
    }
    rest = text.slice(start);
  }
}

if ((await stat(input)).isDirectory())
  for (const name of (await readdir(input)).sort()) await inferFile(join(input, name));
else await inferFile(input);
await infer();
out.end();
await once(out, 'finish');
