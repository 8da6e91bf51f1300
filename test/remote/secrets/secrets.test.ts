import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { EndpointError } from '../../../lib/remote/endpoint/endpoint-error.ts';
import type { SecretReference } from '../../../lib/remote/secrets/secret-reference.ts';
import { checkSecretReference, readSecret } from '../../../lib/remote/secrets/secrets.ts';
import { AWS_SECRET_KEY, AWS_SESSION_TOKEN, awsVariables, withEnvironment } from '../environment.ts';
import { type FakeAnswer, type FakeRequest, type FakeService, startFakeService } from '../fake-service.ts';

const KEY = 'sk-live-that-stays-hidden';

const SECRETS: Readonly<Record<string, string>> = {
  plain: `${KEY}\n`,
  json: JSON.stringify({ apiKey: KEY, count: 7, empty: '' }),
  'arn:aws:secretsmanager:us-west-2:123456789012:secret:far-AbCdEf': KEY,
};

function refuse(status: number, type: string, message: string): FakeAnswer {
  return { status, headers: { 'x-amzn-errortype': type }, body: { __type: type, message } };
}

/** Secrets Manager and the Parameter Store, as far as reading goes. */
function answer({ headers, json }: FakeRequest): FakeAnswer {
  const action = String(headers['x-amz-target']);
  if (action === 'AmazonSSM.GetParameter') {
    if (json['WithDecryption'] !== true) return { body: { Parameter: { Value: 'AQICAHh-encrypted' } } };
    if (json['Name'] === '/keys/model') return { body: { Parameter: { Value: KEY } } };
    return refuse(400, 'ParameterNotFound', '');
  }
  const id = String(json['SecretId']);
  if (id === 'busy') return refuse(400, 'ThrottlingException', 'Rate exceeded');
  if (id === 'denied') return refuse(400, 'AccessDeniedException', 'User is not authorized to perform it');
  if (id === 'signed') {
    return refuse(403, 'InvalidSignatureException', `It does not match: x-amz-security-token:${AWS_SESSION_TOKEN}`);
  }
  if (id === 'binary') return { body: { SecretBinary: 'AAEC' } };
  const text = SECRETS[id];
  if (text === undefined) return refuse(400, 'ResourceNotFoundException', "Secrets Manager can't find the secret.");
  return { body: { SecretString: text } };
}

async function failureOf(reference: SecretReference): Promise<EndpointError> {
  const error = await readSecret(reference).catch((error: unknown) => error);
  expect(error).toBeInstanceOf(EndpointError);
  return error as EndpointError;
}

describe('readSecret', () => {
  let service: FakeService;
  let environment: Disposable;

  beforeAll(async () => {
    service = await startFakeService(answer);
    environment = withEnvironment({
      ...awsVariables({ SECRETS_MANAGER: service.url, SSM: service.url }),
      FABRIC_TEST_KEY: KEY,
      FABRIC_TEST_EMPTY: ' \n',
      FABRIC_TEST_UNSET: undefined,
    });
  });

  afterAll(async () => {
    environment[Symbol.dispose]();
    await service[Symbol.asyncDispose]();
  });

  test.for<SecretReference>([
    { env: 'FABRIC_TEST_KEY' },
    { secretsManager: 'plain' },
    { secretsManager: 'json', field: 'apiKey' },
    { ssm: '/keys/model' },
  ])('reads %o, without the white space around it', async (reference) => {
    expect(await readSecret(reference)).toBe(KEY);
  });

  test('asks the region that an ARN names', async () => {
    await readSecret({ secretsManager: 'arn:aws:secretsmanager:us-west-2:123456789012:secret:far-AbCdEf' });
    expect(service.requests.at(-1)?.headers.authorization).toContain('/us-west-2/secretsmanager/');
    await readSecret({ secretsManager: 'plain' });
    expect(service.requests.at(-1)?.headers.authorization).toContain('/eu-central-1/secretsmanager/');
  });

  test.for<readonly [SecretReference, string]>([
    [{ env: 'FABRIC_TEST_UNSET' }, 'the environment variable FABRIC_TEST_UNSET is not set'],
    [{ env: 'FABRIC_TEST_EMPTY' }, 'the environment variable FABRIC_TEST_EMPTY is empty'],
    [{ secretsManager: 'nowhere' }, "the secret 'nowhere' of Secrets Manager refused the request"],
    [{ secretsManager: 'nowhere' }, "can't find the secret"],
    [{ secretsManager: 'denied' }, 'User is not authorized to perform it'],
    [{ secretsManager: 'signed' }, 'InvalidSignatureException'],
    [{ secretsManager: 'binary' }, "the secret 'binary' of Secrets Manager has no text"],
    [{ secretsManager: 'json', field: 'token' }, "the field 'token' of the secret 'json'"],
    [{ secretsManager: 'json', field: 'empty' }, "the field 'empty' of the secret 'json' of Secrets Manager is empty"],
    [{ secretsManager: 'json', field: 'count' }, 'is not there, or no text'],
    [{ secretsManager: 'plain', field: 'apiKey' }, 'is not there, or no text'],
    [{ ssm: '/keys/other' }, "the SSM parameter '/keys/other' refused the request (HTTP 400): ParameterNotFound"],
  ])('says what is wrong with %o: %s', async ([reference, message]) => {
    const error = await failureOf(reference);
    expect(error).toMatchObject({ name: 'EndpointCredentialsError', disposition: 'fatal' });
    expect(error.message).toContain(message);
    for (const secret of [KEY, AWS_SECRET_KEY, AWS_SESSION_TOKEN]) expect(error.message).not.toContain(secret);
  });

  test('may be tried again where AWS is only busy, or out of reach', async () => {
    expect(await failureOf({ secretsManager: 'busy' })).toMatchObject({
      name: 'EndpointCredentialsError',
      disposition: 'retry',
    });
    using _ = withEnvironment({ AWS_ENDPOINT_URL_SSM: 'http://127.0.0.1:1' });
    expect(await failureOf({ ssm: '/keys/model' })).toMatchObject({ disposition: 'retry' });
  });

  test('says that there are no AWS credentials', async () => {
    using _ = withEnvironment({ AWS_ACCESS_KEY_ID: undefined });
    const error = await failureOf({ ssm: '/keys/model' });
    expect(error.disposition).toBe('fatal');
    expect(error.message).toContain("the SSM parameter '/keys/model' can't be called without AWS credentials");
  });
});

describe('checkSecretReference', () => {
  test.for<SecretReference>([{ env: 'A_KEY' }, { secretsManager: 'a/b', field: 'c' }, { ssm: '/a/b' }])(
    'takes %o',
    (reference) => {
      expect(checkSecretReference(reference, 'apiKey', 'SomeHandler')).toBe(reference);
    },
  );

  test.for<unknown>([
    KEY,
    null,
    undefined,
    {},
    [KEY],
    { env: KEY },
    { env: '' },
    { env: 'A', ssm: 'B' },
    { env: 'A', value: KEY },
    { env: 'A', field: KEY },
    { value: KEY },
    { secretsManager: `${KEY} ` },
    { secretsManager: 'a', field: 7 },
    { ssm: [KEY] },
  ])('refuses %o, and does not show it', (value) => {
    const check = () => checkSecretReference(value, 'apiKey', 'SomeHandler');
    expect(check).toThrow(TypeError);
    expect(check).toThrow(/^Cannot create SomeHandler as 'apiKey' must be .*\{ /);
    expect(check).not.toThrow(KEY);
  });
});
