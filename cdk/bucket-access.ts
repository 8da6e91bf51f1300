import type * as iam from 'aws-cdk-lib/aws-iam';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { ManifestScope } from '../lib/config/pipeline.ts';
import { REJECTED, STAGING } from '../lib/jobs/output-layout.ts';
import { ALL_FOLDER_NAMES, FOLDER_NAMES, SUCCESS_FILE } from '../lib/jobs/part-names.ts';
import {
  ANY_KEY,
  type BucketKeys,
  decryptWith,
  listKeys,
  readObjects,
  readVersions,
  removeObjects,
  useKeys,
  writeObjects,
} from './permissions.ts';

// Keys of the buckets that each role can access. The role of a pipeline runs the user's code and parses the pipeline's data, so
// it can access only the pipeline's keys. Roles that serve all pipelines run no user code, and can access the files that they
// work with.

/** Buckets of a fabric. */
export interface FabricBuckets {
  /** Input buckets; the fabric's own bucket is the first. */
  readonly inputBuckets: readonly s3.IBucket[];
  /** Bucket of the results. */
  readonly outputBucket: s3.IBucket;
}

/** Statements of a role, and the keys in them. */
export interface BucketAccess {
  /** Statements of the role. */
  readonly statements: readonly iam.PolicyStatement[];
  /** Keys in the statements, with wildcards. */
  readonly keys: readonly BucketKeys[];
}

/** Failures of a bundle; a redrive that leaves none removes them. Jobs of earlier versions keep their names. */
const ERRORS = ALL_FOLDER_NAMES.map(({ errors, errorsKind }) => `*/${errors}/${errorsKind}-*`);
const MANIFESTS = ALL_FOLDER_NAMES.map(({ manifest }) => `*/${manifest}`);
const RECORDED = [...ALL_FOLDER_NAMES.map(({ job }) => `*/${job}`), ...MANIFESTS, `*/${SUCCESS_FILE}`];
const ALL_STAGING = `${STAGING}/*`;

/** Returns the access to the buckets that processing the bundles of one pipeline needs. */
export function processorBuckets(
  { inputBuckets, outputBucket: bucket }: FabricBuckets,
  { name, manifests }: { readonly name: string; readonly manifests: ManifestScope },
): BucketAccess {
  const input = inputBuckets.map((it) => ({ bucket: it, keys: [manifests === 'any' ? ANY_KEY : `${name}/*`] }));
  const output = { bucket, keys: [`${name}/*`, `${STAGING}/${name}/*`] };
  // Errors that a redrive left none of, and notes on a last try that was followed by others.
  const removed = { bucket, keys: [...ERRORS.map((errors) => `${name}/${errors}`), `${STAGING}/${name}/*/last/*`] };
  return {
    statements: [
      readVersions(input),
      ...input.map(listKeys),
      readObjects(output),
      writeObjects(output),
      removeObjects(removed),
      listKeys(output),
      ...decryptWith(inputBuckets.map(({ encryptionKey }) => encryptionKey)),
      ...useKeys([bucket.encryptionKey]),
    ],
    keys: [...input, output, removed],
  };
}

/** Returns the access to the buckets that planning the jobs of all pipelines needs. */
export function intakeBuckets(
  { inputBuckets, outputBucket: bucket }: FabricBuckets,
  pipelines: readonly string[],
): BucketAccess {
  const input = inputBuckets.map((it) => ({ bucket: it, keys: keysOf(pipelines) }));
  const read = { bucket, keys: [ALL_STAGING, `${REJECTED}/*`, ...RECORDED] };
  const written = { bucket, keys: [ALL_STAGING, `${REJECTED}/*`, `*/${FOLDER_NAMES.job}`] };
  return {
    statements: [
      readVersions(input),
      ...input.map(listKeys),
      readObjects(read),
      writeObjects(written),
      listKeys({ bucket, keys: [ALL_STAGING, `${REJECTED}/*`, ...keysOf(pipelines)] }),
      ...decryptWith(inputBuckets.map(({ encryptionKey }) => encryptionKey)),
      ...useKeys([bucket.encryptionKey]),
    ],
    keys: [...input, read, written],
  };
}

/** Returns the access to the output bucket that ending the jobs of all pipelines needs. */
export function finalizerBuckets(
  { outputBucket: bucket }: Pick<FabricBuckets, 'outputBucket'>,
  pipelines: readonly string[],
): BucketAccess {
  const read = { bucket, keys: [ALL_STAGING, '*/part-*', ...ERRORS, ...RECORDED] };
  const written = { bucket, keys: [ALL_STAGING, ...ERRORS, ...MANIFESTS, `*/${SUCCESS_FILE}`] };
  const removed = { bucket, keys: ERRORS };
  return {
    statements: [
      readObjects(read),
      writeObjects(written),
      removeObjects(removed),
      listKeys({ bucket, keys: [ALL_STAGING, ...keysOf(pipelines)] }),
      ...useKeys([bucket.encryptionKey]),
    ],
    keys: [read, written, removed],
  };
}

function keysOf(pipelines: readonly string[]): readonly string[] {
  return pipelines.map((name) => `${name}/*`);
}
