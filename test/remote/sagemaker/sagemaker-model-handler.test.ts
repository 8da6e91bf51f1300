import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import { decodeBody, encodeBody } from '../../../lib/remote/sagemaker/content-types.ts';
import {
  SageMakerModelHandler,
  type SageMakerModelHandlerOptions,
} from '../../../lib/remote/sagemaker/sagemaker-model-handler.ts';
import {
  AWS_SECRET_KEY,
  AWS_SESSION_TOKEN,
  awsVariables,
  withEnvironment,
  withoutCredentials,
} from '../environment.ts';
import { type FakeAnswer, type FakeHandler, type FakeService, startFakeService } from '../fake-service.ts';
import { selfSigned } from '../self-signed.ts';

const signal = new AbortController().signal;

let service: FakeService;
let environment: Disposable;
let answer: FakeHandler = doubled;

beforeAll(async () => {
  service = await startFakeService((request) => answer(request));
  environment = withEnvironment(awsVariables({ SAGEMAKER_RUNTIME: service.url }));
});

afterEach(() => {
  answer = doubled;
});

afterAll(async () => {
  environment[Symbol.dispose]();
  await service[Symbol.asyncDispose]();
});

/** A container that doubles numbers. */
function doubled({ json }: { readonly json: Readonly<Record<string, unknown>> }): FakeAnswer {
  const instances = json['instances'] as readonly number[];
  return { body: { predictions: instances.map((number) => 2 * number) } };
}

function refuse(status: number, type: string, fields: Readonly<Record<string, unknown>>): FakeHandler {
  return () => ({ status, headers: { 'x-amzn-errortype': type }, body: fields });
}

function handlerOf(options: Partial<SageMakerModelHandlerOptions> = {}): SageMakerModelHandler {
  return new SageMakerModelHandler({ endpointName: 'doubles', ...options });
}

async function ask(batch: readonly unknown[], options: Partial<SageMakerModelHandlerOptions> = {}): Promise<unknown> {
  const handler = handlerOf(options);
  const client = await handler.createClient();
  try {
    return await handler.request(batch, client, { signal });
  } finally {
    client.runtime.destroy();
  }
}

async function failureOf(options: Partial<SageMakerModelHandlerOptions> = {}): Promise<EndpointError> {
  const error = await ask([1, 2], options).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  const { message } = error as EndpointError;
  expect(message).toMatch(/^SageMaker endpoint 'doubles'/);
  for (const secret of [AWS_SECRET_KEY, AWS_SESSION_TOKEN, 'AKIAEXAMPLE']) expect(message).not.toContain(secret);
  return error as EndpointError;
}

/** What a row may say that comes back as it was: text that is no number, and numbers. */
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

describe('SageMakerModelHandler', () => {
  test('asks for a batch with one signed request', async () => {
    expect(await ask([1, 2, 3])).toEqual([2, 4, 6]);
    const request = service.requests.at(-1);
    expect(request?.path).toBe('/endpoints/doubles/invocations');
    expect(request?.headers['content-type']).toBe('application/json');
    expect(request?.headers.accept).toBe('application/json');
    expect(request?.headers.authorization).toContain('/eu-central-1/sagemaker/');
    expect(request?.json).toEqual({ instances: [1, 2, 3] });
  });

  test('sends what AWS calls the parts of an endpoint', async () => {
    await ask([1], {
      region: 'us-east-2',
      inferenceComponentName: 'small',
      targetVariant: 'blue',
      targetModel: 'v7.tar.gz',
      customAttributes: 'trace=1',
    });
    expect(service.requests.at(-1)?.headers).toMatchObject({
      'x-amzn-sagemaker-inference-component': 'small',
      'x-amzn-sagemaker-target-variant': 'blue',
      'x-amzn-sagemaker-target-model': 'v7.tar.gz',
      'x-amzn-sagemaker-custom-attributes': 'trace=1',
    });
    expect(service.requests.at(-1)?.headers.authorization).toContain('/us-east-2/sagemaker/');
  });

  test.for<readonly [jsonBody: 'instances' | 'inputs' | 'array', sent: unknown, answered: unknown]>([
    ['instances', { instances: ['a', [1.5]] }, { predictions: [1, 2] }],
    ['inputs', { inputs: ['a', [1.5]] }, [1, 2]],
    ['array', ['a', [1.5]], { outputs: [1, 2] }],
  ])('puts a batch in JSON as %s', async ([jsonBody, sent, answered]) => {
    answer = () => ({ body: answered });
    expect(await ask(['a', new Float32Array([1.5])], { jsonBody })).toEqual([1, 2]);
    expect(service.requests.at(-1)?.json).toEqual(sent);
  });

  test('sends arguments beside the batch', async () => {
    const handler = handlerOf();
    const client = await handler.createClient();
    await handler.request([1], client, { signal, inferenceArgs: { parameters: { top_k: 2 } } });
    expect(service.requests.at(-1)?.json).toEqual({ parameters: { top_k: 2 }, instances: [1] });
    client.runtime.destroy();
  });

  test('speaks CSV: a row an element, and its answer a row or a value each', async () => {
    const batch = [[1, 'a "b", c', null], { x: 2, y: true }, '3,4'];
    answer = () => ({ headers: { 'content-type': 'text/csv; charset=utf-8' }, body: '0.5\n"yes, ""b""",0.25\nno\n' });
    expect(await ask(batch, { contentType: 'text/csv' })).toEqual([0.5, ['yes, "b"', 0.25], 'no']);
    expect(service.requests.at(-1)?.body).toBe('1,"a ""b"", c",\n2,true\n3,4\n');
    expect(service.requests.at(-1)?.headers.accept).toBe('text/csv');
  });

  test('takes one line of scores for many rows, as old containers of XGBoost answer', async () => {
    answer = () => ({ headers: { 'content-type': 'text/csv' }, body: '0.1,0.9,0.5' });
    expect(await ask([[1], [2], [3]], { contentType: 'text/csv' })).toEqual([0.1, 0.9, 0.5]);
    expect(await ask([[1]], { contentType: 'text/csv' })).toEqual([[0.1, 0.9, 0.5]]);
  });

  test('speaks JSON lines, and reads an answer by what it says that it is', async () => {
    answer = () => ({ headers: { 'content-type': 'application/jsonlines' }, body: '{"label":"a"}\n{"label":"b"}\n' });
    const batch = [{ text: 'x' }, { text: 'y' }];
    expect(await ask(batch, { contentType: 'application/jsonlines' })).toEqual([{ label: 'a' }, { label: 'b' }]);
    expect(service.requests.at(-1)?.body).toBe('{"text":"x"}\n{"text":"y"}\n');
    answer = () => ({ body: [1, 2] });
    expect(await ask(batch, { contentType: 'application/jsonlines' })).toEqual([1, 2]);
  });

  test('reads the NaN and the infinities that containers in Python write', async () => {
    answer = () => ({ headers: { 'content-type': 'application/json' }, body: '{"predictions": [NaN, -Infinity]}' });
    expect(await ask([1, 2])).toEqual([null, -Infinity]);
  });

  test('leaves other bodies to functions', async () => {
    answer = ({ body }) => ({ headers: { 'content-type': 'application/x-bytes' }, body: body.toUpperCase() });
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
    await expect(ask([new Float32Array([1, -Infinity])])).rejects.toThrow('an infinity is nothing that JSON can say');
    expect(service.requests.length).toBe(before);
  });

  test.for<readonly [string, FakeHandler, Readonly<Record<string, unknown>>]>([
    [
      'too many requests, whose status is 400',
      refuse(400, 'ThrottlingException', { message: 'Rate exceeded' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      'too many requests for the container',
      refuse(424, 'ModelError', { OriginalStatusCode: 429, OriginalMessage: 'busy' }),
      { name: 'EndpointThrottledError', disposition: 'throttle' },
    ],
    [
      "the container's own refusal",
      refuse(424, 'ModelError', { OriginalStatusCode: 400, OriginalMessage: 'bad column', Message: 'see the log' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('bad column') },
    ],
    [
      "the container's path",
      refuse(424, 'ModelError', { OriginalStatusCode: 404, OriginalMessage: 'no such thing' }),
      { name: 'EndpointRefusedError', disposition: 'poison' },
    ],
    [
      "the container's failure",
      refuse(424, 'ModelError', { OriginalStatusCode: 500, OriginalMessage: '' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'a model that is being loaded',
      refuse(429, 'ModelNotReadyException', { Message: 'downloading' }),
      { name: 'EndpointServerError', disposition: 'retry', retryAfterMillis: 5000 },
    ],
    [
      'a failure of the service',
      refuse(503, 'ServiceUnavailable', { Message: 'try again' }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    [
      'an endpoint that is not there',
      refuse(400, 'ValidationError', { Message: 'Endpoint doubles of account 123456789012 not found.' }),
      { name: 'EndpointModelError', disposition: 'fatal', message: expect.stringContaining('not found') },
    ],
    [
      'a request that is too large',
      refuse(413, 'ValidationError', { Message: 'too large' }),
      { name: 'EndpointRefusedError', disposition: 'poison', message: expect.stringContaining('maxBatchSize') },
    ],
    [
      'no permission',
      refuse(403, 'AccessDeniedException', { Message: 'not authorized to perform: sagemaker:InvokeEndpoint' }),
      { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('not authorized') },
    ],
    [
      'a session that is over',
      refuse(403, 'ExpiredTokenException', { message: 'The security token included in the request is expired' }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a wrong signature, whose message quotes the headers',
      refuse(403, 'InvalidSignatureException', { message: `should be\nx-amz-security-token:${AWS_SESSION_TOKEN}` }),
      { name: 'EndpointCredentialsError', disposition: 'fatal' },
    ],
    [
      'a page instead of an exception',
      () => ({
        status: 502,
        headers: { 'content-type': 'text/html' },
        body: '<html><title>Bad Gateway</title></html>',
      }),
      { name: 'EndpointServerError', disposition: 'retry' },
    ],
    ['a connection that breaks', () => ({ hangUp: true }), { name: 'EndpointUnreachableError', disposition: 'retry' }],
  ])('tells what to do about %s', async ([, refusal, expected]) => {
    answer = refusal;
    const before = service.requests.length;
    expect(await failureOf()).toMatchObject(expected);
    // The engine's flow control tries again, not the SDK.
    expect(service.requests.length).toBe(before + 1);
  });

  test('waits as long as the answer asks for', async () => {
    answer = () => ({ status: 429, headers: { 'retry-after': '7' }, body: {} });
    expect(await failureOf()).toMatchObject({ disposition: 'throttle', retryAfterMillis: 7000 });
  });

  test.for<readonly [FakeAnswer, string]>([
    [{ body: { predictions: [1] } }, '1 prediction for 2 elements'],
    [{ body: { scores: [1, 2] } }, "neither an array nor an object with 'predictions'"],
    [{ body: '<html>' }, 'a body that is not JSON'],
    [{ body: '' }, 'nothing'],
  ])('is not content with %o', async ([strange, message]) => {
    answer = () => strange;
    const error = await failureOf();
    expect(error).toMatchObject({ name: 'EndpointProtocolError', disposition: 'poison' });
    expect(error.message).toContain(message);
  });

  test('ends the run where no answer ever was what it should be', async () => {
    answer = () => ({ body: 'ok' });
    const handler = handlerOf();
    const client = await handler.createClient();
    const dispositions: unknown[] = [];
    for (let i = 0; i < 5; i++) {
      const error = await handler.request([1], client, { signal }).catch((error: unknown) => error);
      dispositions.push((error as EndpointError).disposition);
    }
    expect(dispositions).toEqual(['poison', 'poison', 'poison', 'poison', 'fatal']);
    client.runtime.destroy();
  });

  test('says that there are no credentials, no region, no host', async () => {
    {
      using _ = withEnvironment({ ...withoutCredentials(), AWS_REGION: 'eu-central-1' });
      const error = await failureOf();
      expect(error).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
      expect(error.message).toContain('without AWS credentials');
    }
    {
      using _ = withEnvironment({ AWS_REGION: undefined });
      expect(await failureOf()).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'fatal' });
    }
    using _ = withEnvironment({ AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: 'http://127.0.0.1:1' });
    expect(await failureOf()).toMatchObject({ name: 'EndpointUnreachableError', disposition: 'retry' });
  });

  test('trusts no certificate that nobody signed', async () => {
    await using tls = await startFakeService(doubled, { tls: await selfSigned() });
    using _ = withEnvironment({ AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: tls.url });
    expect(await failureOf()).toMatchObject({ name: 'EndpointTlsError', disposition: 'fatal' });
    expect(tls.requests).toEqual([]);
  });

  test('gives up when nobody waits any more', async () => {
    const gaveUp = new Error('nobody waits');
    const stop = new AbortController();
    answer = () => {
      stop.abort(gaveUp);
      return new Promise<FakeAnswer>(() => {});
    };
    const handler = handlerOf();
    const client = await handler.createClient();
    await expect(handler.request([1], client, { signal: stop.signal })).rejects.toBe(gaveUp);
    client.runtime.destroy();
  });

  test('has as many connections as it may have requests under way', async () => {
    const most = 150; // More than other clients of AWS have.
    const waiting: (() => void)[] = [];
    answer = (request) =>
      new Promise<FakeAnswer>((resolve) => {
        waiting.push(() => resolve(doubled(request)));
        if (waiting.length === most) for (const release of waiting) release();
      });
    const handler = handlerOf({ maxConcurrency: most });
    const client = await handler.createClient();
    const answers = Array.from({ length: most }, (_, i) => handler.request([i], client, { signal }));
    expect((await Promise.all(answers)).flat()).toEqual(Array.from({ length: most }, (_, i) => 2 * i));
    client.runtime.destroy();
  });

  test('may invoke its endpoint, and no other', () => {
    expect(handlerOf({ endpointName: 'Doubles', region: 'cn-north-1' }).permissions).toEqual([
      {
        actions: ['sagemaker:InvokeEndpoint'],
        resources: [
          'arn:aws-cn:sagemaker:cn-north-1:*:endpoint/Doubles',
          'arn:aws-cn:sagemaker:cn-north-1:*:endpoint/doubles',
        ],
      },
    ]);
    expect(handlerOf({ inferenceComponentName: 'small' }).permissions[0]?.resources).toEqual([
      'arn:aws:sagemaker:*:*:endpoint/doubles',
      'arn:aws:sagemaker:*:*:inference-component/small',
    ]);
  });

  test('is shown as its endpoint', async () => {
    expect(await handlerOf({ targetVariant: 'blue' }).describe()).toEqual({ label: 'doubles/blue', isUnasked: true });
  });

  test.for<readonly [Partial<SageMakerModelHandlerOptions>, RegExp]>([
    [{ endpointName: '' }, /'endpointName' must be the name of an endpoint/],
    [{ endpointName: 'arn:aws:sagemaker:eu-central-1:1:endpoint/x' }, /'endpointName' must be/],
    [{ contentType: 'image/png' }, /'contentType' must be one of .* where there is no 'serialize'/],
    [{ accept: 'image/png' }, /'accept' must be one of .* where there is no 'deserialize'/],
    [{ contentType: 'image/png', serialize: () => '' }, /'accept' must be one of/],
    [{ jsonBody: 'rows' as 'array' }, /'jsonBody' must be 'instances', 'inputs' or 'array'/],
  ])('refuses the options %o', ([options, message]) => {
    expect(() => handlerOf(options)).toThrow(message);
  });
});
