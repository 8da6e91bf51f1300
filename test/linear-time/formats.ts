import { gzipSync } from 'node:zlib';
import { checkImage } from '../../lib/formats/check-image.ts';
import { decompress } from '../../lib/formats/compression.ts';
import { describeInvalidUtf8 } from '../../lib/formats/encodings.ts';
import type { InputOptions } from '../../lib/formats/format.ts';
import type { ElementsFormatName } from '../../lib/formats/registry.ts';
import { readGivenElement } from '../../lib/formats/given-elements.ts';
import { fieldReader } from '../../lib/inference/element-key.ts';
import { hasJpegEnd, tidyJpeg } from '../../lib/models/jpeg-segments.ts';
import { toBigInt, toNumber } from '../../lib/models/number-parsing.ts';
import { inputOptions, readBundles } from '../formats/reading.ts';
import { memorySource } from '../formats/sources.ts';
import { repeated, worstCase, type WorstCase } from './growth.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
/** Whole rows of these open a quoted field each, which never ends. */
const OPEN_QUOTES = 'a","b\n';

/** Plans text and reads all its bundles, as `fabric run` and intake do. */
function reads(format: ElementsFormatName, options: Partial<InputOptions> = {}, chunkBytes?: number) {
  return (text: string) => readBundles(memorySource(text, chunkBytes), inputOptions(format, options));
}

function inflates(compression: 'gzip' | 'zstd') {
  return async (bytes: Buffer) => {
    for await (const _ of decompress(memorySource(bytes, 256 * KIB), compression));
  };
}

const image = (bytes: Buffer) => checkImage(bytes, 'image', 50_000_000);
const jpeg = (bytes: Buffer) => hasJpegEnd(bytes) || tidyJpeg(bytes);

function jpegOf(content: string, n: number): Buffer {
  return Buffer.from(`\xff\xd8${repeated(content, n)}`, 'latin1');
}

/** A box of a HEIF file: its size, its type and its content. */
function box(type: string, ...content: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + content.reduce((sum, { length }) => sum + length, 0));
  head.write(type, 4, 'latin1');
  return Buffer.concat([head, ...content]);
}

/** A HEIF file with the sizes of very many images. */
function heif(n: number): Buffer {
  const size = box('ispe', Buffer.from([0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 8]));
  const sizes = Array.from({ length: n / size.length }, () => size);
  return Buffer.concat([
    box('ftyp', Buffer.from('heic\0\0\0\0heic')),
    box('meta', Buffer.alloc(4), box('iprp', box('ipco', ...sizes))),
  ]);
}

/** Number of columns that take `n` bytes, each with its own name. */
function wideHeader(n: number): string {
  return Array.from({ length: n / 6 }, (_, index) => index.toString(36).padStart(5, 'c')).join(',');
}

export const FORMATS: readonly WorstCase[] = [
  worstCase('CSV whose rows all open a quote', 48 * KIB, (n) => `x,y\n${repeated(OPEN_QUOTES, n)}`, reads('csv')),
  worstCase(
    'CSV with carriage returns whose rows all open a quote',
    48 * KIB,
    (n) => `x,y\r${repeated('a","b\r', n)}`,
    reads('csv'),
  ),
  worstCase('a CSV row of delimiters', 256 * KIB, (n) => `x,y\n${repeated(',', n)}\n`, reads('csv')),
  worstCase('a CSV field of quotes', MIB, (n) => `x,y\n"${repeated('""', n)}`, reads('csv')),
  worstCase('a CSV field in tiny chunks', 48 * KIB, (n) => `x,y\n"${repeated('a', n)}`, reads('csv', {}, 16)),
  worstCase(
    'a wide CSV header above short rows',
    32 * KIB,
    (n) => `${wideHeader(n)}\n${repeated('1\n', n)}`,
    reads('csv'),
  ),
  worstCase('a CSV header of one name', 32 * KIB, (n) => `${repeated('a,', n)}z\n1\n`, reads('csv')),
  worstCase('JSON Lines that are no JSON', 4 * KIB, (n) => repeated('{"\n', n), reads('jsonl')),
  worstCase('a JSON line of brackets', 512 * KIB, (n) => repeated('{"a":[', n), reads('jsonl')),
  worstCase('a JSON line of objects', 64 * KIB, (n) => repeated('{}', n), reads('jsonl')),
  worstCase('a JSON line of objects, the last one broken', 64 * KIB, (n) => `${repeated('{}', n)}{,}`, reads('jsonl')),
  worstCase('a JSON line of open strings', MIB, (n) => repeated('{"a":"\\"', n), reads('jsonl')),
  worstCase('a JSON array of whitespace', 4 * MIB, (n) => `[${repeated(' ', n)}]`, reads('json')),
  worstCase(
    'a JSON array of whitespace above the limit',
    2 * MIB,
    (n) => `[${repeated(' ', n)}]`,
    reads('json', { maxElementBytes: 10 }),
  ),
  worstCase('a JSON array of commas', 48 * KIB, (n) => `[${repeated(',', n)}]`, reads('json')),
  worstCase('a JSON array of brackets', MIB, (n) => `[${repeated('[', n)}`, reads('json')),
  worstCase(
    'a JSON array with a string in tiny chunks',
    64 * KIB,
    (n) => `["${repeated('\\"', n)}`,
    reads('json', {}, 16),
  ),
  worstCase('blank lines of text', 64 * KIB, (n) => repeated('\n', n), reads('text')),
  worstCase(
    'text of replacement characters',
    MIB,
    (n) => Buffer.concat([Buffer.from(repeated('\ufffd', n / 3)), Buffer.from([0xff])]),
    describeInvalidUtf8,
  ),
  worstCase(
    'gzip members between zeros',
    8 * KIB,
    (n) => Buffer.from(repeated(`${gzipSync('').toString('latin1')}\0`, n), 'latin1'),
    inflates('gzip'),
  ),
  worstCase('zeros after gzip', 2 * MIB, (n) => Buffer.concat([gzipSync('a'), Buffer.alloc(n)]), inflates('gzip')),
  worstCase(
    'empty zstd frames',
    16 * KIB,
    (n) => Buffer.from(repeated('\x50\x2a\x4d\x18\0\0\0\0', n), 'latin1'),
    inflates('zstd'),
  ),
  worstCase('a HEIF file of sizes', 128 * KIB, heif, image),
  worstCase('a JPEG of zeros', 96 * KIB, (n) => jpegOf('\0', n), image),
  worstCase('a JPEG of EXIF segments', 512 * KIB, (n) => jpegOf('\xff\xe1\0\x10Exif\0\0MM\0*\0\0\0\0', n), image),
  worstCase('a JPEG of fill bytes', 512 * KIB, (n) => jpegOf('\xff', n), jpeg),
  worstCase('a JPEG of restart markers', 48 * KIB, (n) => jpegOf('\xff\xd0', n), jpeg),
  worstCase(
    'an SVG of open tags',
    MIB,
    (n) => Buffer.from(`${repeated('<svg ', 800)}" x> <svg >${repeated('a', n)}`),
    image,
  ),
  worstCase(
    'an icon of sizes',
    256 * KIB,
    (n) => Buffer.from(`icns\x7f\0\0\0${repeated('ic07\0\0\0\x08', n)}`, 'latin1'),
    image,
  ),
  worstCase(
    'digits that are no number',
    MIB,
    (n) => `${repeated('1', n)}x`,
    (text) => {
      toNumber(text, 'FP32');
      toBigInt(text, 'INT64');
    },
  ),
  worstCase(
    'digits',
    MIB,
    (n) => repeated('9', n),
    (text) => {
      toNumber(text, 'FP32');
      toBigInt(text, 'INT64');
    },
  ),
  worstCase(
    'spaces that are no number',
    MIB,
    (n) => `${repeated(' ', n)}x`,
    (text) => toNumber(text, 'FP32'),
  ),
  worstCase(
    'an id of digits',
    MIB,
    (n) => `{"id":${repeated('9', n)}}`,
    (text) => fieldReader('id')(JSON.parse(text), text),
  ),
  worstCase(
    'a given element of numbers',
    512 * KIB,
    (n) => ({ id: 'a', input: Array.from({ length: n / 2 }, () => 1) }),
    (value) => readGivenElement(value, 0, inputOptions('jsonl')),
  ),
];
