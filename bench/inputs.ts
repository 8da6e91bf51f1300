import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { random } from './random.ts';

const NUMBERS_PER_ROW = 30;
const ROWS_PER_WRITE = 10_000;

/** A JSONL file of `rows` lines `{"x":[30 numbers]}`, with one of the keys where there are some, unless it is there. */
export async function makeRows(path: string, rows: number, keys: readonly string[] = []): Promise<void> {
  if (existsSync(path)) return;
  const next = random(3);
  const file = createWriteStream(path);
  for (let row = 0; row < rows; row += ROWS_PER_WRITE) {
    let text = '';
    for (let index = row; index < Math.min(rows, row + ROWS_PER_WRITE); index += 1) {
      const key = keys.length === 0 ? undefined : keys[Math.floor(next() * keys.length)];
      text += `{${key === undefined ? '' : `"key":"${key}",`}"x":[${Array.from({ length: NUMBERS_PER_ROW }, () => (next() * 4 - 2).toFixed(4)).join(',')}]}\n`;
    }
    if (!file.write(text)) await once(file, 'drain');
  }
  await new Promise<void>((resolve) => {
    file.end(resolve);
  });
}

/** A folder of `count` JPEGs of 320x240, smooth noise that compresses about as photographs do, unless it is there. */
export async function makeImages(folder: string, count: number): Promise<void> {
  if (existsSync(join(folder, `${count - 1}.jpg`.padStart(9, '0')))) return;
  await mkdir(folder, { recursive: true });
  const next = random(4);
  for (let index = 0; index < count; index += 1) {
    const coarse = Uint8Array.from({ length: 40 * 30 * 3 }, () => next() * 256);
    const jpeg = await sharp(coarse, { raw: { width: 40, height: 30, channels: 3 } })
      .resize(320, 240, { kernel: 'cubic' })
      .jpeg({ quality: 85 })
      .toBuffer();
    await writeFile(join(folder, `${index}.jpg`.padStart(9, '0')), jpeg);
  }
}
