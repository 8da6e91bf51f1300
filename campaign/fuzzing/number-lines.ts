import { isUtf8 } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import type { InputOptions, PageEntry, ReadElement } from '../../lib/formats/format.ts';
import type { NumberRequest } from '../../lib/formats/numbers/number-request.ts';
import { PackedElement, PackedRows } from '../../lib/formats/numbers/packed-element.ts';
import { elementsFormat } from '../../lib/formats/registry.ts';
import { fieldReader } from '../../lib/inference/element-key.ts';
import { collate } from '../../lib/models/collate.ts';
import { type DeclaredInputs, inputSelector } from '../../lib/models/declared-inputs.ts';
import { OnnxModelHandler } from '../../lib/models/onnx-model-handler.ts';
import { packedInputs, tensorsOfRows } from '../../lib/models/packed-inputs.ts';
import type { TensorMetadata } from '../../lib/models/tensor.ts';
import { inputOptions } from '../../test/formats/reading.ts';
import { memorySource } from '../../test/formats/sources.ts';
import { below, pick } from '../simulation/chance.ts';
import { Violation } from '../violation.ts';
import { mutated } from './mutate.ts';

type Random = () => number;

const LINES = 200;
const DATATYPES = ['FP32', 'FP32', 'FP64', 'INT64', 'INT32'] as const;
const COLUMNS = ['a', 'b', 'c'] as const;
const INTEGERS: readonly [string, ...string[]] = ['0', '-0', '1', '17', '-325', '2147483647', '4e3', '1.0'];
const NUMBERS: readonly [string, ...string[]] = [
  '0',
  '-0',
  '1',
  '17',
  '-3.25',
  '0.1',
  '2.5000',
  '123456.789012',
  '0.30000000000000004',
  '9007199254740993',
  '-12345678901234567890',
  '1e5',
  '1.5E-7',
  '1e400',
  '5e-324',
  '2147483648',
];
/** Values where numbers are wanted, or that are written in another way. */
const OTHERS: readonly [string, ...string[]] = [
  'null',
  '""',
  '"1.5"',
  '"NaN"',
  'true',
  '[1]',
  '{}',
  '01',
  '1.',
  '.5',
  '+1',
  'NaN',
  '1e',
  '',
];
const IDS: readonly [string, ...string[]] = [
  '"r1"',
  '"ü"',
  '"a\\n"',
  '"\\u0041"',
  '7',
  '-7',
  '1.5',
  '12345678901234567890',
  'null',
  '{}',
  '""',
  '"\u007f"',
];
const PLAIN_IDS: readonly [string, ...string[]] = ['"r1"', '"ü"', '7', 'null', '{}', '""', '"\u007f"'];
const EXTRAS: readonly [string, ...string[]] = [
  '1',
  '"text, \\"quoted\\""',
  '[1,[2,{"a":3}]]',
  '{"a":{"b":[]}}',
  'false',
  '"🚀"',
  '"\\ud800"',
  '[]',
];
const CSV_FIELDS: readonly [string, ...string[]] = [
  '',
  ' 1',
  '1 ',
  '"2"',
  '"2,5"',
  '"a""b"',
  'NaN',
  'inf',
  '007',
  '+4',
  '.5',
  '6.',
  '1e3',
  'x',
  '"',
  'a"b',
  'ü',
  '\u00a01',
];

/** How lines of one document are written and read. */
interface Lines {
  readonly format: 'jsonl' | 'csv';
  readonly header: readonly string[];
  readonly input: InputOptions;
  readonly declared: DeclaredInputs;
  readonly inputs: readonly TensorMetadata[];
  readonly missing: 'nan' | 'fail';
  readonly bytes: Buffer;
}

/** Number of lines that were compared, and of those that were packed. */
export interface ComparedLines {
  readonly format: string;
  readonly lines: number;
  readonly packed: number;
}

/**
 * Writes lines that are nearly all numbers, valid and broken, and reads them with their numbers packed and without: the
 * outcomes are the same, and packed numbers are those that the values give, bit by bit.
 *
 * @throws Violation
 */
export async function compareLines(random: Random): Promise<ComparedLines> {
  const lines = pick([jsonLines, csvLines], random)(random);
  const { format, inputs, missing, declared } = lines;
  const handler = new OnnxModelHandler({ modelUri: 'none.onnx', inputs: declared, missing });
  const packing = packedInputs(handler, inputs);
  if (packing === undefined) throw new Violation('wrong value', 'the inputs of the lines can not be packed');
  const general = await read(lines, undefined);
  const quick = await read(lines, packing.request);
  const select = inputSelector(declared, inputs, { missing });
  const idOf = fieldReader(lines.input.id);
  const keyOf = fieldReader(lines.input.key as string | undefined);
  const check = (isSame: boolean, what: string, place: number): void => {
    if (isSame) return;
    const text = JSON.stringify(lines.bytes.toString()).slice(0, 3000);
    throw new Violation(
      'wrong value',
      `${format} ${JSON.stringify({ declared, missing, inputs })}: ${what} of element ${place} is different: ${text}`,
    );
  };
  check(general.length === quick.length, 'the number', general.length);
  let packed = 0;
  quick.forEach((element, place) => {
    const other = general[place];
    if (!(element instanceof PackedElement)) return check(isDeepStrictEqual(element, other), 'the reading', place);
    packed += 1;
    if (other === undefined) return;
    check(other.failure === undefined, 'the failure', place);
    check(element.position === other.position, 'the position', place);
    const { input, raw } = element;
    check(isDeepStrictEqual(input, other.input), 'the input', place);
    check(raw === other.raw, 'the text', place);
    check(element.id === idOf(input, raw) && element.key === keyOf(input, raw), 'the id or the key', place);
    check(
      element.id === undefined || !element.hasPlainId || JSON.stringify(element.id) === `"${element.id}"`,
      'the id in JSON',
      place,
    );
    const expected = collate([select(input)], inputs, { missing });
    check(isDeepStrictEqual(tensorsOfRows([element], packing, {}), expected), 'a number', place);
  });
  return { format, lines: general.length, packed };
}

async function read(
  { format, input, header, bytes }: Lines,
  numbers: NumberRequest | undefined,
): Promise<ReadElement[]> {
  const range = { start: 0, end: bytes.length, aligned: true, header };
  const { read, readPacked } = elementsFormat(format);
  const request = { source: memorySource(bytes, 1_000_000), range, input };
  const pages: AsyncIterable<readonly PageEntry[]> = (numbers && readPacked?.(request, numbers)) ?? read(request);
  const entries = (await Array.fromAsync(pages)).flat();
  return entries.flatMap((entry) =>
    entry instanceof PackedRows ? Array.from({ length: entry.count }, (_, index) => entry.elementAt(index)) : entry,
  );
}

function metadata(name: string, shape: readonly (number | string)[], random: Random): TensorMetadata {
  return { name, shape: ['N', ...shape], datatype: pick(DATATYPES, random) };
}

/** Numbers that inputs of these types can hold; in some documents also others. */
function numbersFor(inputs: readonly TensorMetadata[], random: Random): typeof NUMBERS {
  const areFloats = inputs.every(({ datatype }) => datatype.startsWith('FP'));
  return areFloats || random() < 0.2 ? NUMBERS : INTEGERS;
}

/** Changes some lines at random. Most documents stay UTF-8: nothing is packed of a run of lines that is not. */
function written(lines: readonly string[], random: Random): Buffer {
  const staysUtf8 = random() < 0.9;
  const all = lines.map((line) => {
    const bytes = Buffer.from(line);
    if (random() < 0.8) return bytes;
    const changed = mutated([bytes, Buffer.from(pick(lines as [string, ...string[]], random))], random);
    return staysUtf8 && !isUtf8(changed) ? bytes : changed;
  });
  const ending = Buffer.from(pick(['\n', '\n', '\r\n'], random));
  return Buffer.concat(all.flatMap((bytes) => [bytes, ending]));
}

function jsonLines(random: Random): Lines {
  const width = 1 + below(4, random);
  const inputs = [metadata('x', [width], random), metadata('y', [COLUMNS.length], random), metadata('z', [], random)];
  const declared = { x: 'x', y: COLUMNS, z: 'meta.mask' };
  const id = pick(['id', 'meta.id', undefined], random);
  const key = pick(['key', undefined], random);
  const isNoisy = random() < 0.5;
  const numbers = numbersFor(inputs, random);
  const ids: typeof IDS = isNoisy ? IDS : PLAIN_IDS;
  const line = (): string => {
    const number = (): string => (isNoisy && random() < 0.02 ? pick(OTHERS, random) : pick(numbers, random));
    const length = isNoisy && random() < 0.03 ? below(6, random) : width;
    const meta = [`"mask":${number()}`, `"id":${pick(ids, random)}`];
    const fields = [
      `"id":${pick(ids, random)}`,
      `"x":[${Array.from({ length }, number).join(pick([',', ', '], random))}]`,
      ...COLUMNS.map((column) => `"${column}":${number()}`),
      `"meta":{${meta.slice(0, 1 + below(2, random)).join(',')}}`,
      `"key":${pick(ids, random)}`,
      `"extra":${pick(EXTRAS, random)}`,
    ];
    if (isNoisy && random() < 0.1) fields.push(pick(fields as [string, ...string[]], random));
    if (isNoisy && random() < 0.05) fields.splice(below(fields.length, random), 1);
    if (isNoisy && random() < 0.2) fields.reverse();
    return `{${fields.join(pick([',', ', ', ' ,\t'], random))}}${pick(['', '', ' '], random)}`;
  };
  const missing = pick(['nan', 'fail'] as const, random);
  const input = inputOptions('jsonl', { ...(id && { id }), ...(key && { key }) });
  const bytes = written(Array.from({ length: LINES }, line), random);
  return { format: 'jsonl', header: [], input, declared, inputs, missing, bytes };
}

function csvLines(random: Random): Lines {
  const inputs = [metadata('y', [COLUMNS.length], random), metadata('z', [1], random)];
  const declared = { y: COLUMNS, z: 'mask' };
  const delimiter = pick([',', ',', ';', '\t', ' ', '-', '.', '|'], random);
  const header = ['id', 'a', 'extra', 'b', 'c', 'mask', 'key'];
  const isNoisy = random() < 0.5;
  const numbers = numbersFor(inputs, random);
  const line = (): string =>
    header
      .map((name) => {
        const text = pick(['r1', 'ü', '"q, d"', '', '-5', 'a\\b', '"a""b"'], random);
        if (name === 'id' || name === 'extra' || name === 'key') return isNoisy ? pick(CSV_FIELDS, random) : text;
        return isNoisy && random() < 0.05 ? pick(CSV_FIELDS, random) : pick(numbers, random);
      })
      .join(delimiter);
  const missing = pick(['nan', 'fail'] as const, random);
  const names = { ...(random() < 0.8 ? { id: 'id' } : {}), ...(random() < 0.5 ? { key: 'key' } : {}) };
  const input = inputOptions('csv', { ...names, delimiter, quotedNewlines: random() < 0.5 });
  const bytes = written(Array.from({ length: LINES }, line), random);
  return { format: 'csv', header, input, declared, inputs, missing, bytes };
}
