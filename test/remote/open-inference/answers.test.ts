import { describe, expect, test } from 'vitest';
import { ask, failureOf, handlerOf, infers } from './ask.ts';
import { serveModels } from './model-server.ts';

describe('an answer that is not of the protocol is told from one that is', () => {
  const output = { name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] };
  const outputs = (change: object): string =>
    JSON.stringify({ model_name: 'double', outputs: [{ ...output, ...change }] });

  test.for([
    ['oops', 'retry', 'a body that is not JSON: check its address'],
    // With an expression that tries all ways to read them, long after the test's time.
    [`{"error": "${'it broke '.repeat(20)}`, 'retry', 'a body that is not JSON: check its address'],
    [outputs({ name: 'y'.repeat(1000) }), 'poison', `no output 'y': its outputs are [${'y'.repeat(268)} …`],
    ['<html><title>Log in</title>', 'retry', "an HTML page, 'Log in'"],
    ['', 'retry', 'nothing: check its address'],
    ['[1]', 'poison', 'JSON that is not an object'],
    ['{"predictions":[1]}', 'poison', "JSON without 'outputs'"],
    ['{"id":"other","outputs":[]}', 'retry', 'the response to another request'],
    [outputs({ name: undefined }), 'poison', 'an output without a name'],
    [outputs({ datatype: 'FP8' }), 'poison', "an output 'y' of a datatype that the protocol does not have"],
    [outputs({ shape: 3 }), 'poison', "an output 'y' without a shape"],
    [outputs({ data: [1, 2] }), 'poison', "2 values for its output 'y' of shape [1, 3]"],
    [outputs({ data: [1, 2, 'x'] }), 'poison', "values of its output 'y' that are not of datatype FP32"],
    [outputs({ data: undefined }), 'poison', "no data for its output 'y'"],
    [
      outputs({ datatype: 'UINT8', data: [1, 2, 256] }),
      'poison',
      "values of its output 'y' that are not of datatype UINT8",
    ],
    [
      outputs({ datatype: 'INT64', data: [1, 2, 0.5] }),
      'poison',
      "values of its output 'y' that are not of datatype INT64",
    ],
    [
      outputs({ datatype: 'BYTES', data: ['a', 'b', 3] }),
      'poison',
      "values of its output 'y' that are not of datatype BYTES",
    ],
    [outputs({ shape: [3] }), 'poison', "an output 'y' of shape [3] for 1 elements, so it has no row for each"],
    [outputs({ name: 'z' }), 'poison', "no output 'y': its outputs are [z]"],
  ] as const)('%s', async ([body, disposition, words]) => {
    await using server = await serveModels({ answer: infers({ body }) });
    const error = await failureOf(ask(handlerOf(server.url, 'double', { outputNames: ['y'] }), [[1, 2, 3]]));
    expect(error).toMatchObject({ name: 'EndpointProtocolError', disposition });
    expect(error.message).toContain(`model 'double' at ${server.url} answered with ${words}`);
  });

  test.for([
    [12, { binary_data_size: 12 }, 'FP32', [1, 3], undefined],
    [11, { binary_data_size: 11 }, 'FP32', [1, 3], "11 bytes for its output 'y' of datatype FP32 and shape [1, 3]"],
    [16, { binary_data_size: 12 }, 'FP32', [1, 3], '16 bytes of tensors, but its outputs have 12'],
    [8, { binary_data_size: 12 }, 'FP32', [1, 3], "8 bytes for its output 'y' of datatype FP32"],
    [12, { binary_data_size: 12 }, 'BYTES', [1, 3], undefined],
    [12, { binary_data_size: 12 }, 'BYTES', [1, 2], "12 bytes for its output 'y' of datatype BYTES and shape [1, 2]"],
    [10, { binary_data_size: 10 }, 'BYTES', [1, 3], "10 bytes for its output 'y' of datatype BYTES"],
  ] as const)('%i raw bytes with %j for %s %j', async ([length, parameters, datatype, shape, words]) => {
    const header = outputs({ datatype, shape, parameters, data: undefined });
    const headers = { 'inference-header-content-length': String(header.length) };
    const body = Buffer.concat([Buffer.from(header), Buffer.alloc(length)]);
    await using server = await serveModels({ binary: true, answer: infers({ headers, body }) });
    const asked = ask(handlerOf(server.url, 'double'), [[1, 2, 3]]);
    if (words === undefined) expect(await asked).toHaveLength(1);
    else expect((await failureOf(asked)).message).toContain(words);
  });

  test('JSON whose length is not that of its header states', async () => {
    const body = outputs({ datatype: 'INT64', data: [1, 2, 2 ** 53] });
    for (const end of [body.length - 1, 60, 2]) {
      const headers = { 'inference-header-content-length': String(end) };
      await using server = await serveModels({ binary: true, answer: infers({ headers, body }) });
      const error = await failureOf(ask(handlerOf(server.url, 'double'), [[1, 2, 3]]));
      expect(error).toMatchObject({ name: 'EndpointProtocolError' });
      expect(error.message).toContain('JSON whose length is not that of its header');
    }
  });

  test('an output without a row for each element, with what to do about it', async () => {
    await using server = await serveModels();
    const error = await failureOf(
      ask(handlerOf(server.url, 'bad-output'), [
        [1, 2],
        [3, 4],
      ]),
    );
    expect(error.message).toContain("leave it out by naming the others in 'outputNames'");
    expect(
      await ask(handlerOf(server.url, 'bad-output', { outputNames: ['y'] }), [
        [1, 2],
        [3, 4],
      ]),
    ).toHaveLength(2);
  });
});
