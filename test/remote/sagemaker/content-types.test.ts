import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeBody, encodeBody } from '../../../lib/remote/sagemaker/content-types.ts';
import { ask, doublesEndpoint } from './doubles-endpoint.ts';

const service = doublesEndpoint();

/** Values of a row that come back unchanged: text that is not a number, and numbers. */
const field = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((number) => (Object.is(number, -0) ? 0 : number)),
  fc.string().filter((text) => !/[\r\n]/.test(text) && Number.isNaN(Number(text || 'none'))),
  fc.constantFrom('', '"', ',', '""', ' a ', '","'),
);

describe('CSV for SageMaker', () => {
  test('says rows so that they can be read as they were', () => {
    fc.assert(
      fc.property(fc.array(fc.array(field, { minLength: 2 }), { minLength: 2 }), (rows) => {
        const body = encodeBody(rows, { contentType: 'text/csv', jsonBody: 'array' });
        expect(decodeBody(new TextEncoder().encode(body), 'text/csv', rows.length)).toEqual(rows);
      }),
    );
  });
});

describe('the body of a request to SageMaker', () => {
  test.for<readonly [jsonBody: 'instances' | 'inputs' | 'array', sent: unknown, answered: unknown]>([
    ['instances', { instances: ['a', [1.5]] }, { predictions: [1, 2] }],
    ['inputs', { inputs: ['a', [1.5]] }, [1, 2]],
    ['array', ['a', [1.5]], { outputs: [1, 2] }],
  ])('puts a batch in JSON as %s', async ([jsonBody, sent, answered]) => {
    service.answers(() => ({ body: answered }));
    expect(await ask(['a', new Float32Array([1.5])], { jsonBody })).toEqual([1, 2]);
    expect(service.requests.at(-1)?.json).toEqual(sent);
  });

  test('has arguments beside the batch', async () => {
    await ask([1], {}, { parameters: { top_k: 2 } });
    expect(service.requests.at(-1)?.json).toEqual({ parameters: { top_k: 2 }, instances: [1] });
  });

  test('speaks CSV: a row an element, and its answer a row or a value each', async () => {
    const batch = [[1, 'a "b", c', null], { x: 2, y: true }, '3,4'];
    service.answers(() => ({
      headers: { 'content-type': 'text/csv; charset=utf-8' },
      body: '0.5\n"yes, ""b""",0.25\nno\n',
    }));
    expect(await ask(batch, { contentType: 'text/csv' })).toEqual([0.5, ['yes, "b"', 0.25], 'no']);
    expect(service.requests.at(-1)?.body).toBe('1,"a ""b"", c",\n2,true\n3,4\n');
    expect(service.requests.at(-1)?.headers.accept).toBe('text/csv');
  });

  test('takes only line feeds for ends of lines, and only ASCII blanks for an empty line', () => {
    const rows = ['a\u2028b', '\u2029', '\u00a0', 'c\u0085d'];
    const body = new TextEncoder().encode(`${rows.join('\r\n')}\n \t\n`);
    expect(decodeBody(body, 'text/csv', rows.length)).toEqual(rows);
    const lines = new TextEncoder().encode(`${rows.map((row) => JSON.stringify(row)).join('\n')}\n`);
    expect(decodeBody(lines, 'application/jsonlines', rows.length)).toEqual(rows);
  });

  test('takes one line of scores for many rows, as old containers of XGBoost answer', async () => {
    service.answers(() => ({ headers: { 'content-type': 'text/csv' }, body: '0.1,0.9,0.5' }));
    expect(await ask([[1], [2], [3]], { contentType: 'text/csv' })).toEqual([0.1, 0.9, 0.5]);
    expect(await ask([[1]], { contentType: 'text/csv' })).toEqual([[0.1, 0.9, 0.5]]);
  });

  test('speaks JSON lines, and reads an answer by what it says that it is', async () => {
    service.answers(() => ({
      headers: { 'content-type': 'application/jsonlines' },
      body: '{"label":"a"}\n{"label":"b"}\n',
    }));
    const batch = [{ text: 'x' }, { text: 'y' }];
    expect(await ask(batch, { contentType: 'application/jsonlines' })).toEqual([{ label: 'a' }, { label: 'b' }]);
    expect(service.requests.at(-1)?.body).toBe('{"text":"x"}\n{"text":"y"}\n');
    service.answers(() => ({ body: [1, 2] }));
    expect(await ask(batch, { contentType: 'application/jsonlines' })).toEqual([1, 2]);
  });

  test('reads the NaN and the infinities that containers in Python write', async () => {
    service.answers(() => ({
      headers: { 'content-type': 'application/json' },
      body: '{"predictions": [NaN, -Infinity]}',
    }));
    expect(await ask([1, 2])).toEqual([null, -Infinity]);
  });

  test('leaves other bodies to functions', async () => {
    service.answers(({ body }) => ({ headers: { 'content-type': 'application/x-bytes' }, body: body.toUpperCase() }));
    const results = await ask(['a', 'b'], {
      contentType: 'application/x-bytes',
      serialize: (batch) => new TextEncoder().encode(batch.join(';')),
      deserialize: (body, contentType) => [...new TextDecoder().decode(body).split(';'), contentType].slice(0, 2),
    });
    expect(results).toEqual(['A', 'B']);
    expect(service.requests.at(-1)?.headers['content-type']).toBe('application/x-bytes');
  });

  test('refuses an element that has no place in the body, before it is sent', async () => {
    const before = service.requests.length;
    await expect(ask([[{ a: 1 }]], { contentType: 'text/csv' })).rejects.toThrow('a field of CSV must be');
    await expect(ask(['a\nb'], { contentType: 'text/csv' })).rejects.toThrow('must be one line');
    await expect(ask([new Float32Array([1, -Infinity])])).rejects.toThrow('JSON cannot represent an infinity');
    expect(service.requests.length).toBe(before);
  });
});
