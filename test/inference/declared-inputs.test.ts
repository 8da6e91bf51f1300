import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Bundle, OutcomeChunk } from '../../lib/inference/bundle.ts';
import type { InferenceEngine } from '../../lib/inference/engine/engine.ts';
import { planningInput } from '../../lib/config/pipeline-fields.ts';
import { planObject } from '../../lib/formats/plan-object.ts';
import { bundleRange } from '../../lib/formats/plan.ts';
import { openFileSource } from '../../lib/stores/file-source.ts';
import { fixture } from '../formats/parquet/parquet-files.ts';
import { temporaryFolder } from '../temporary-folder.ts';
import { bytesOf, runBundle } from './run-bundle.ts';
import { sharedEngines } from './start-engine.ts';

const engineOf = sharedEngines('declared');

interface Run {
  readonly bytes: string;
  readonly packed: number;
  readonly batchSizes: readonly number[];
  readonly isMidBatch: boolean;
}

/** Runs the text or table as one bundle: all of its elements, or some. */
async function run(
  engine: InferenceEngine,
  text: string | Uint8Array,
  selection: Pick<Bundle, 'skipElements' | 'only'> = {},
): Promise<Run> {
  const path = join(await temporaryFolder(), 'data');
  await writeFile(path, text);
  await using source = await openFileSource(path);
  const range = bundleRange(await planObject(source, planningInput(engine.pipeline)), 0);
  const chunks: OutcomeChunk[] = [];
  const bundle = {
    name: 'data',
    source: { kind: 'range', uri: path, range },
    address: { uri: 'data' },
    ...selection,
  } as const;
  const { measures } = await engine.process(bundle, { write: (chunk) => void chunks.push(chunk) });
  const { packed = 0, batchSizes = [] } = measures ?? {};
  return { bytes: bytesOf(chunks), packed, batchSizes, isMidBatch: chunks.at(-1)?.isMidBatch === true };
}

const POISON_ROWS = [
  'name,left,right,note,n',
  'r1,1,2,x,3',
  'r2,1.5,-2e3,"a, b",4',
  'r3,one,2,x,3',
  'r4,,2,x,3',
  '"r""5",1,2,x,3',
  'r6,1,2,x',
  '"r7","1"," 2 ","",7',
  'ü8,0.1,0.30000000000000004,x,9007199254740993',
  'r9,1,2,x,1.5',
  'r10,NaN,inf,x,3',
  ',1,2,x,3',
].join('\n');

const POISON_LINES = [
  '{"id":"r1","p":{"left":1,"right":2},"n":3}',
  '{"p": {"right": 2.5, "left": -1}, "n": 4, "id": 7, "extra": ["a", {"b": null}]}',
  '{"id":"r3","p":{"left":"1","right":2},"n":3}',
  '{"id":"r4","p":{"left":1},"n":3}',
  '{"id":"r5","p":{"left":1,"right":2},"n":3,"n":4}',
  '{"id":"r6","p":{"left":1,"right":2},"n":3',
  '',
  '{"id":"\\u0041","p":{"left":1,"right":2},"n":3}',
  '{"id":"r8","p":{"left":null,"right":2},"n":3} {"id":"r9","p":{"left":1,"right":2},"n":3}',
  '{"id":"r10","p":{"left":1e400,"right":2},"n":12345678901234567890}',
  '[1]',
  '{"id":"r12","p":{"left":1,"right":2},"p.left":5,"n":3}',
].join('\n');

/** Rows whose indices the model has, but for some of them, and some rows that are not read straight into tensors. */
const POISON_INDICES = Array.from({ length: 700 }, (_, row) => {
  if (row % 97 === 5) return `{"id":"r${row}","u":${row},"v":0}`;
  if (row % 131 === 7) return `{"id":"r${row}","u":"1","v":2}`;
  if (row % 173 === 11) return `{"id":"r${row}","u":`;
  return `{"id":"${row % 89 === 0 ? '\\u0041' : 'r'}${row}","u":${row % 4},"v":${(row * 7) % 4}}`;
}).join('\n');

const MANY_ROWS = Array.from({ length: 3000 }, (_, row) => {
  if (row === 1777) return `{"id":"r${row}","u":${row}}`;
  return row % 500 === 300 ? `{"id":7,"u":1e2,"v":"${row}","w":0}` : `{"id":"r${row}","u":${row},"v":0.${row},"w":-1}`;
}).join('\n');

const lists = (...rows: readonly string[]): string => rows.map((row) => `${row}\n`).join('');

describe('rows that are read straight into tensors have the outcomes of values, in the same batches:', () => {
  test.each([
    { pipeline: 'rows', text: POISON_ROWS, packed: 4, failed: 4 },
    { pipeline: 'joined', text: POISON_ROWS, packed: 5, failed: 3 },
    { pipeline: 'lines', text: POISON_LINES, packed: 2, failed: 5 },
    {
      pipeline: 'list',
      text: lists('{"u":1,"v":2,"w":3}', '{"u":1,"v":2}', '{"w":3,"v":2,"u":1}', '[1,2,3]'),
      packed: 2,
      failed: 2,
    },
    {
      pipeline: 'field',
      text: lists('{"vector":[1,2,3]}', '{"vector":[1,2]}', '{"vector":[[1,2,3]]}', '{"vector":[1,2,3.5]}'),
      packed: 2,
      failed: 2,
    },
    { pipeline: 'own-names', text: lists('{"x":[1,2,3]}', '[4,5,6]', '{"x":"a"}', '{"y":1}'), packed: 1, failed: 2 },
    { pipeline: 'fixed', text: lists('{"u":1,"v":2,"w":3}', '{"u":4,"v":5,"w":6}'), packed: 2, failed: 0 },
    { pipeline: 'poison', text: POISON_INDICES, packed: 682, failed: 12 },
    { pipeline: 'any-width', text: lists('{"u":1,"v":2}', '{"u":3,"v":4}', '{"u":"x","v":4}'), packed: 2, failed: 1 },
  ])('$pipeline', async ({ pipeline, text, packed, failed }) => {
    const quick = await run(await engineOf(pipeline), text);
    const slow = await run(await engineOf(`${pipeline}-values`), text);
    expect(quick.bytes).toBe(slow.bytes);
    expect(quick.batchSizes).toEqual(slow.batchSizes);
    expect(quick.isMidBatch).toBe(slow.isMidBatch);
    expect(slow.packed).toBe(0);
    expect(quick.packed).toBe(packed);
    expect(quick.bytes.match(/"stage"/g) ?? []).toHaveLength(failed);
  });
});

describe('rows of Parquet that are read straight into tensors have the outcomes of values, in the same batches:', () => {
  test.each([
    { pipeline: 'table', file: 'pages', packed: 400, failed: 0 },
    { pipeline: 'table-of-all', file: 'pages', packed: 400, failed: 0 },
    { pipeline: 'table-with-nulls', file: 'types', packed: 21, failed: 19 },
    { pipeline: 'table-with-missing', file: 'types', packed: 29, failed: 11 },
    { pipeline: 'table-of-lists', file: 'nested', packed: 42, failed: 18 },
  ])('$pipeline', async ({ pipeline, file, packed, failed }) => {
    const table = await fixture(file);
    const quick = await run(await engineOf(pipeline), table);
    const slow = await run(await engineOf(`${pipeline}-values`), table);
    expect(quick.bytes).toBe(slow.bytes);
    expect(quick.batchSizes).toEqual(slow.batchSizes);
    expect(slow.packed).toBe(0);
    expect(quick.packed).toBe(packed);
    expect(quick.bytes.match(/"stage"/g) ?? []).toHaveLength(failed);
  });
});

describe('some of the rows that are read straight into tensors', () => {
  test.each([
    { skipElements: 3 },
    { skipElements: 259 },
    { only: [0, 4, 5, 100, 101, 102, 103, 104, 105, 106, 107, 108, 699] },
  ])('%o have the outcomes of values, in the same batches', async (selection) => {
    const quick = await run(await engineOf('poison'), POISON_INDICES, selection);
    const slow = await run(await engineOf('poison-values'), POISON_INDICES, selection);
    expect(quick).toEqual({ ...slow, packed: quick.packed });
    expect(quick.packed).toBeGreaterThan(0);
  });

  test('have the outcomes of values where the size of their batches grows', async () => {
    const quick = await run(await engineOf('growing'), MANY_ROWS);
    const slow = await run(await engineOf('growing-values'), MANY_ROWS);
    expect(quick.bytes).toBe(slow.bytes);
    expect(quick.packed).toBeGreaterThan(2900);
  });
});

describe('declared inputs', () => {
  test('a field that is absent, or does not fit, fails its element alone and is named', async () => {
    const { bytes } = await run(await engineOf('rows'), POISON_ROWS);
    expect(bytes).toContain("input 'a' (field 'left') must be FP32: got text that is not such a number");
    expect(bytes).toContain("input 'a' (field 'left') must be FP32: got empty text; missing: 'nan' reads it as NaN");
    expect(bytes).toContain("input 'b' (field 'n') must be INT64");
    const lines = await run(await engineOf('lines'), POISON_LINES);
    expect(lines.bytes).toContain("the element has no field 'p.right', which 'inputs' declares for 'a'");
  });

  test('are picked from what the preprocess functions give', async () => {
    const { outcomes } = await runBundle(await engineOf('functions'), [
      [1, 2, 3],
      [1, 2],
    ]);
    expect(outcomes[0]?.prediction).toEqual({ y: [2, 4, 6] });
    expect(outcomes[1]?.error?.message).toContain(
      "the element's field 'w', which 'inputs' declares for 'x', is undefined",
    );
  });

  test.each([
    ['no-such-input', "the handler's 'inputs' must name inputs of the model, 'x': got 'y'"],
    ['too-few', "the handler's 'inputs' must declare 3 fields for 'x', FP32 of shape [N, 3]: got 2"],
    [
      'several-inputs',
      "the handler's 'inputs' must name the model's inputs, 'a', 'b', each with its field or list of fields",
    ],
  ])('that the model does not have end the run: %s', async (pipeline, message) => {
    const running = runBundle(await engineOf(pipeline), [{ x: [1, 2, 3] }]);
    await expect(running).rejects.toMatchObject({ code: 'INVALID_CONFIG', message: expect.stringContaining(message) });
  });
});
