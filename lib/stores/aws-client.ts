import type { S3ClientConfig } from '@aws-sdk/client-s3';
import type { SQSClientConfig } from '@aws-sdk/client-sqs';

export interface AwsClientOptions {
  /** How often a request is tried in all, with the SDK's own backoff. @default 5 */
  readonly maxAttempts?: number;
  /** Where the service is. @default as the SDK's own settings say */
  readonly endpoint?: string;
  /** The most connections at once. @default 128 */
  readonly maxSockets?: number;
  /** Milliseconds in which an operation that S3 refuses as too frequent is tried again, beside the tries. @default 20 s */
  readonly patienceMillis?: number;
  /** How long a connection may be silent. @default 30 s */
  readonly socketTimeoutMillis?: number;
}

const CONNECTION_TIMEOUT_MILLIS = 5_000;
/** Of silence on a connection; above the 20 seconds for which a queue may keep a receiver waiting. */
const SOCKET_TIMEOUT_MILLIS = 30_000;
/** A function's bundle reads, lists and sends at once, each with a few connections. */
const MAX_SOCKETS = 128;

/** What all clients have in common; endpoint, region and credentials are the SDK's own settings. */
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

/**
 * The accounts that own buckets, by the buckets' names, as the environment names them: requests to these buckets are only
 * answered for the bucket of that account. Other buckets are not checked.
 */
export function bucketOwnersFromEnvironment(): ReadonlyMap<string, string> {
  const text = process.env['FABRIC_BUCKET_OWNERS'] ?? '';
  return new Map(text === '' ? [] : Object.entries(JSON.parse(text) as Readonly<Record<string, string>>));
}

/** The endpoint that the environment names for a service (`S3`, `SQS`); none on AWS itself. */
export function endpointFromEnvironment(service: 'S3' | 'SQS'): string | undefined {
  return process.env[`AWS_ENDPOINT_URL_${service}`] || process.env.AWS_ENDPOINT_URL || undefined;
}
