import { describe, expect, test } from 'vitest';
import type { EndpointError } from '../../lib/remote/endpoint/endpoint-error.ts';
import { AWS_SECRETS, withEnvironment, withoutCredentials } from './environment.ts';
import type { FakeAnswer } from './fake-service.ts';
import type { SharedService } from './shared-service.ts';

/** An exception of a service in AWS, by its type. */
export function exception(status: number, type: string, fields: Readonly<Record<string, unknown>>): FakeAnswer {
  return { status, headers: { 'x-amzn-errortype': type }, body: fields };
}

/** Properties that AWS services have in common, for the suite of an endpoint. */
export const AWS_SERVICE = {
  withoutCredentials: { ...withoutCredentials(), AWS_REGION: 'eu-central-1' },
  close: ({ runtime }: { readonly runtime: { destroy(): void } }) => runtime.destroy(),
  refusal: (status: number, message: string) => exception(status, 'UnheardOfException', { message }),
  secrets: AWS_SECRETS,
  // Its message quotes the headers that were signed.
  repeating: (secret: string) =>
    exception(403, 'InvalidSignatureException', { message: `should be\nx-amz-security-token:${secret}` }),
} as const;

export type ExceptionRow = readonly [what: string, answer: FakeAnswer, expected: Readonly<Record<string, unknown>>];

const EXCEPTIONS: readonly ExceptionRow[] = [
  [
    'too many requests, whose status is that of a wrong one',
    exception(400, 'ThrottlingException', { message: 'Rate exceeded' }),
    { name: 'EndpointThrottledError', disposition: 'throttle', message: expect.stringContaining('Rate exceeded') },
  ],
  [
    'no permission',
    exception(403, 'AccessDeniedException', { Message: 'not authorized to perform: sagemaker:InvokeEndpoint' }),
    { name: 'EndpointCredentialsError', disposition: 'fatal', message: expect.stringContaining('not authorized') },
  ],
  [
    'a session that is over',
    exception(403, 'ExpiredTokenException', { message: 'The security token included in the request is expired' }),
    { name: 'EndpointCredentialsError', disposition: 'fatal' },
  ],
];

interface AwsSuite {
  readonly service: SharedService;
  /** Returns the error of a failed request to the service; its message names the endpoint, and contains no secret. */
  readonly failure: () => Promise<EndpointError>;
  /** The service's own. */
  readonly exceptions: readonly ExceptionRow[];
}

/** Promises of a handler of an AWS service, in addition to those of every endpoint. */
export function describeAwsService(name: string, { service, failure, exceptions }: AwsSuite): void {
  describe(name, () => {
    test.for([...EXCEPTIONS, ...exceptions])('tells what to do about %s', async ([, answer, expected]) => {
      service.answers(() => answer);
      const before = service.requests.length;
      expect(await failure()).toMatchObject(expected);
      // The engine's flow control tries again, not the SDK.
      expect(service.requests.length).toBe(before + 1);
    });

    test('says that there is no region', async () => {
      using _ = withEnvironment({ AWS_REGION: undefined });
      expect(await failure()).toMatchObject({
        name: 'EndpointUnreachableError',
        disposition: 'fatal',
        message: expect.stringContaining('set AWS_REGION'),
      });
    });
  });
}
