import { Stack } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { ConfigError } from '../lib/errors.ts';
import type { DescribedPipeline, FabricDescription } from './fabric-description.ts';
import type { InferenceFabricProps } from './inference-fabric-props.ts';

/** A rule of deployed fabrics, and whether this fabric breaks it. */
interface Rule {
  /** True if the fabric breaks the rule. */
  readonly broken: boolean;
  /** Line of the error. */
  readonly message: string;
}

/** Limited by the environment of intake, which has the queue URLs of all pipelines; Lambda's limit is 4 KB. */
const MAX_PIPELINES = 20;
const MAX_ENVIRONMENT_BYTES = 4096;
/** Maximum length of a queue URL: with a name from CloudFormation, in the region with the longest name. */
const QUEUE_URL_BYTES = 150;
/** Bytes of a pipeline in the governor's environment, without its name: queue URL, id of the poller, ceiling, quotes. */
const GOVERNED_BYTES = QUEUE_URL_BYTES + 90;
/** Additional bytes of a service: the names of the service and its cluster, which CloudFormation makes long. */
const SERVICE_BYTES = 250;
/** Other bytes of an environment: buckets, other queues, names of variables. */
const OTHER_ENVIRONMENT_BYTES = 700;
/** Bytes of the names of two buckets and of their owner's account, in the environment of intake. */
const OWNERS_BYTES = 190;

const ARCHITECTURES: ReadonlySet<unknown> = new Set([undefined, 'arm64', 'x86_64']);

/** Checks that a fabric can be deployed. @throws ConfigError with a line for each broken rule */
export function checkFabric(scope: Construct, fabric: FabricDescription, props: InferenceFabricProps): void {
  const broken = [...fabricRules(fabric), ...propsRules(scope, props)].filter((rule) => rule.broken);
  if (broken.length > 0) {
    throw new ConfigError([`Cannot deploy ${fabric.configPath}:`, ...broken.map(({ message }) => message)].join('\n'));
  }
}

function fabricRules({ pipelines }: FabricDescription): readonly Rule[] {
  const bytes = pipelines.reduce(
    (sum, { name }) => sum + name.length + QUEUE_URL_BYTES,
    OTHER_ENVIRONMENT_BYTES + OWNERS_BYTES,
  );
  return [
    {
      broken: pipelines.length > MAX_PIPELINES,
      message: `a fabric can have at most ${MAX_PIPELINES} pipelines, and this one has ${pipelines.length}. Split them into several fabrics`,
    },
    {
      broken: pipelines.length <= MAX_PIPELINES && bytes > MAX_ENVIRONMENT_BYTES,
      message: `the names of the pipelines exceed the environment of a Lambda function, which is limited to ${MAX_ENVIRONMENT_BYTES} bytes, by ${bytes - MAX_ENVIRONMENT_BYTES} characters in total`,
    },
    ...governorRules(pipelines.filter(({ endpoints }) => endpoints !== undefined)),
    ...containerRules(pipelines),
    ...pipelines.flatMap(secretRules),
  ];
}

function governorRules(governed: readonly DescribedPipeline[]): readonly Rule[] {
  const bytes = governed.reduce(
    (sum, { name, compute }) => sum + name.length + GOVERNED_BYTES + (compute.kind === 'container' ? SERVICE_BYTES : 0),
    OTHER_ENVIRONMENT_BYTES,
  );
  const count = governed.length;
  return [
    {
      broken: bytes > MAX_ENVIRONMENT_BYTES,
      message: `the ${count} pipelines with remote models exceed the governor's environment, which is limited to ${MAX_ENVIRONMENT_BYTES} bytes. Split them into several fabrics`,
    },
  ];
}

/** Checks that all containers have the same network, as they share it. */
function containerRules(pipelines: readonly DescribedPipeline[]): readonly Rule[] {
  const networks = pipelines.flatMap(({ compute }) => (compute.kind === 'container' ? compute.network : []));
  return [
    {
      broken: new Set(networks).size > 1,
      message: "the containers of a fabric must all have the same 'network': 'public' or 'private'",
    },
  ];
}

/** Checks that no secret is an environment variable: the fabric sets none, and users who can view a function can read them. */
function secretRules({ name, endpoints }: DescribedPipeline): readonly Rule[] {
  const variables = (endpoints?.secrets ?? []).flatMap((secret) => ('env' in secret ? secret.env : []));
  return variables.map((variable) => ({
    broken: true,
    message: `pipelines.${name}: a deployed function does not have the secret { env: '${variable}' }. Store it in AWS and use { secretsManager: '<name>' } or { ssm: '<name>' }`,
  }));
}

function propsRules(scope: Construct, { outputBucket, inputBuckets = [] }: InferenceFabricProps): readonly Rule[] {
  const architecture: unknown = scope.node.tryGetContext('architecture');
  return [
    {
      broken: outputBucket !== undefined && inputBuckets.some((bucket) => isSameBucket(scope, bucket, outputBucket)),
      message: "'outputBucket' must not be one of 'inputBuckets': the fabric would process its own results",
    },
    {
      broken: !ARCHITECTURES.has(architecture),
      message: `the context value 'architecture' must be 'arm64' or 'x86_64': current value is '${String(architecture)}'`,
    },
  ];
}

function isSameBucket(scope: Construct, a: s3.IBucket, b: s3.IBucket): boolean {
  const stack = Stack.of(scope);
  return JSON.stringify(stack.resolve(a.bucketName)) === JSON.stringify(stack.resolve(b.bucketName));
}
