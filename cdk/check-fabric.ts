import { Stack } from 'aws-cdk-lib';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { ConfigError } from '../lib/errors.ts';
import type { DescribedPipeline, FabricDescription } from './fabric-description.ts';
import type { InferenceFabricProps } from './inference-fabric-props.ts';

interface Rule {
  readonly broken: boolean;
  readonly message: string;
}

/** Intake has the URLs of all pipelines' queues in its environment, for which Lambda has 4 KB. */
const MAX_PIPELINES = 20;
const MAX_ENVIRONMENT_BYTES = 4096;
/** The longest URL of a queue that CloudFormation names, in the region of the longest name. */
const QUEUE_URL_BYTES = 150;
/** What the governor's has of a pipeline beside its name: its queue's URL, its poller's id, its ceiling, quotes. */
const GOVERNED_BYTES = QUEUE_URL_BYTES + 90;
/** The names of a service and its cluster, in place of a poller's id: CloudFormation makes them of long ones. */
const SERVICE_BYTES = 250;
/** What else is in the environment: buckets, other queues, the names of variables. */
const OTHER_ENVIRONMENT_BYTES = 700;
/** The names of two buckets and their owner's account, in intake's environment. */
const OWNERS_BYTES = 190;

const ARCHITECTURES: ReadonlySet<unknown> = new Set([undefined, 'arm64', 'x86_64']);

/** @throws ConfigError with a line for each rule that is broken. */
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
      message: `a fabric may have at most ${MAX_PIPELINES} pipelines: this one has ${pipelines.length}. Make a fabric for each group of them`,
    },
    {
      broken: pipelines.length <= MAX_PIPELINES && bytes > MAX_ENVIRONMENT_BYTES,
      message: `the names of the pipelines are ${bytes - MAX_ENVIRONMENT_BYTES} characters too long in all: Lambda's environment takes ${MAX_ENVIRONMENT_BYTES} bytes`,
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
      message: `the ${count} pipelines with remote models don't fit into the governor's environment, which takes ${MAX_ENVIRONMENT_BYTES} bytes. Make a fabric for each group of them`,
    },
  ];
}

/** They share one network. */
function containerRules(pipelines: readonly DescribedPipeline[]): readonly Rule[] {
  const networks = pipelines.flatMap(({ compute }) => (compute.kind === 'container' ? compute.network : []));
  return [
    {
      broken: new Set(networks).size > 1,
      message: "the containers of a fabric must all have the same 'network': 'public' or 'private'",
    },
  ];
}

/** A function's environment can be read by whoever may look at the function, and nothing would set it. */
function secretRules({ name, endpoints }: DescribedPipeline): readonly Rule[] {
  const variables = (endpoints?.secrets ?? []).flatMap((secret) => ('env' in secret ? secret.env : []));
  return variables.map((variable) => ({
    broken: true,
    message: `pipelines.${name}: the secret { env: '${variable}' } is not there in a deployed function: put it in AWS, and say { secretsManager: '<name>' } or { ssm: '<name>' }`,
  }));
}

function propsRules(scope: Construct, { outputBucket, inputBuckets = [] }: InferenceFabricProps): readonly Rule[] {
  const architecture: unknown = scope.node.tryGetContext('architecture');
  return [
    {
      broken: outputBucket !== undefined && inputBuckets.some((bucket) => isSameBucket(scope, bucket, outputBucket)),
      message: "'outputBucket' must not be one of 'inputBuckets': results would be taken for input",
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
