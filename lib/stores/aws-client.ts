import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';

export interface AwsClientOptions {
  /** Maximum tries of a request, with the SDK's own backoff. @default 5 */
  readonly maxAttempts?: number;
  /** URL of the service. @default the SDK's own settings */
  readonly endpoint?: string;
  /** Maximum open connections. @default 128 */
  readonly maxSockets?: number;
  /** Milliseconds in which an operation that S3 throttles is retried, in addition to `maxAttempts`. @default 20 s */
  readonly patienceMillis?: number;
  /** Milliseconds without data after which a connection is closed. @default 30 s */
  readonly socketTimeoutMillis?: number;
}

const CONNECTION_TIMEOUT_MILLIS = 5_000;
/** Milliseconds without data on a connection: more than the 20 seconds for which a queue can keep a receiver waiting. */
const SOCKET_TIMEOUT_MILLIS = 30_000;
/** A function's bundle reads, lists and sends at once, each with a few connections. */
const MAX_SOCKETS = 128;

/** Returns the options that all clients share. Endpoint, region and credentials are the SDK's own settings. */
export function clientConfig(options: AwsClientOptions): S3ClientConfig & SQSClientConfig {
  const { maxSockets = MAX_SOCKETS, socketTimeoutMillis = SOCKET_TIMEOUT_MILLIS } = options;
  return {
    retryMode: 'standard',
    maxAttempts: options.maxAttempts ?? 5,
    ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
    requestHandler: {
      connectionTimeout: CONNECTION_TIMEOUT_MILLIS,
      socketTimeout: socketTimeoutMillis,
      httpAgent: { maxSockets },
      httpsAgent: { maxSockets },
    },
  };
}

/** Name of the environment variable that holds the owners of buckets, as JSON: account ids by bucket. */
export const BUCKET_OWNERS_VARIABLE = 'FABRIC_BUCKET_OWNERS';

/**
 * Returns the accounts that own buckets, by bucket name, from the environment. A request to one of these buckets fails
 * if another account owns it. Other buckets are not checked.
 */
export function bucketOwnersFromEnvironment(): ReadonlyMap<string, string> {
  const text = process.env[BUCKET_OWNERS_VARIABLE] ?? '';
  return new Map(text === '' ? [] : Object.entries(JSON.parse(text) as Readonly<Record<string, string>>));
}

/** Returns the endpoint that the environment sets for a service; undefined on AWS. */
export function endpointFromEnvironment(service: 'S3' | 'SQS'): string | undefined {
  return process.env[`AWS_ENDPOINT_URL_${service}`] || process.env.AWS_ENDPOINT_URL || undefined;
}

/** Returns the options of a request that ends with a signal. */
export function abortOn(signal: AbortSignal | undefined): { readonly abortSignal?: AbortSignal } {
  return signal ? { abortSignal: signal } : {};
}
