import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeImages } from '../inputs.ts';
import { convNet, mlp } from '../models.ts';
import { random } from '../random.ts';
import { IMAGES, MANY_FILES, POISON, POISON_ROWS, ROWS, ROWS_PER_FILE } from './workloads.ts';

const WIDTH = 30;
const WRITE_CHARACTERS = 1 << 20;

type Line = (id: string, numbers: readonly string[], row: number) => string;

const jsonLine: Line = (id, numbers) => `{"id":"${id}","x":[${numbers.join(',')}]}\n`;
const csvLine: Line = (id, numbers) => `${id},${numbers.join(',')}\n`;
const CSV_HEADER = `id,${Array.from({ length: WIDTH }, (_, column) => `x${column}`).join(',')}\n`;

/** Makes the models and the files of all workloads, unless they are there. */
export async function makeInputs(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'mlp.onnx'), mlp());
  await writeFile(join(folder, 'conv-net.onnx'), convNet());
  await makeImages(join(folder, `images-${IMAGES}`), IMAGES);
  for (const rows of [10, ROWS]) {
    await writeRows(join(folder, `rows-${rows}.jsonl`), rows, jsonLine);
    await writeRows(join(folder, `rows-${rows}.csv`), rows, csvLine, CSV_HEADER);
  }
  await writeRows(join(folder, 'poison.jsonl'), POISON_ROWS, (id, numbers, row) => {
    if (row === POISON.broken) return `${jsonLine(id, numbers, row).slice(0, 100)}\n`;
    return jsonLine(id, row === POISON.short ? numbers.slice(1) : numbers, row);
  });
  await writeManyFiles(join(folder, 'many'));
}

async function writeRows(path: string, count: number, line: Line, head = ''): Promise<void> {
  if (existsSync(path)) return;
  const file = createWriteStream(path);
  let text = head;
  for (const [row, numbers] of rowsOf(count)) {
    text += line(idOf(row), numbers, row);
    if (text.length < WRITE_CHARACTERS) continue;
    if (!file.write(text)) await once(file, 'drain');
    text = '';
  }
  file.end(text);
  await once(file, 'finish');
}

async function writeManyFiles(folder: string): Promise<void> {
  if (existsSync(join(folder, fileName(MANY_FILES - 1)))) return;
  await mkdir(folder, { recursive: true });
  let text = '';
  for (const [row, numbers] of rowsOf(MANY_FILES * ROWS_PER_FILE)) {
    text += jsonLine(idOf(row), numbers, row);
    if (row % ROWS_PER_FILE !== ROWS_PER_FILE - 1) continue;
    await writeFile(join(folder, fileName(Math.floor(row / ROWS_PER_FILE))), text);
    text = '';
  }
}

function* rowsOf(count: number): Generator<readonly [row: number, numbers: readonly string[]]> {
  const next = random(3);
  for (let row = 0; row < count; row += 1)
    yield [row, Array.from({ length: WIDTH }, () => (next() * 4 - 2).toFixed(4))];
}

function idOf(row: number): string {
  return `r${String(row).padStart(7, '0')}`;
}

function fileName(file: number): string {
  return `f${String(file).padStart(4, '0')}.jsonl`;
}
