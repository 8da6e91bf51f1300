import type { SQSClient } from '@aws-sdk/client-sqs';
import { awsEnvironment, startEmbeddedAws } from '../../cli/local/embedded-aws.ts';
import { useEmulator } from '../../cli/local/emulator-environment.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { openS3ObjectStore } from '../../lib/stores/s3-object-store.ts';
import { openSqsClient } from '../../lib/stores/sqs-queue.ts';
import { type Fate, startFlakyProxy } from '../../test/stores/flaky-proxy.ts';
import { add } from '../counts.ts';
import { startShortWaits } from './short-waits.ts';

/** URLs of the queues of a fleet. */
export interface FleetQueues {
  readonly intake: string;
  readonly finalizer: string;
  readonly pipelines: Readonly<Record<string, { readonly bundles: string; readonly deadLetters: string }>>;
}

/** S3 and SQS for a fleet of processes, with a network to them that fails. */
export interface FleetAws extends AsyncDisposable {
  readonly queues: FleetQueues;
  /** Variables that lead a process to the network. */
  readonly environment: Readonly<Record<string, string>>;
  /** Reach the services without the network. */
  readonly store: ObjectStore;
  readonly sqs: SQSClient;
  /** Network faults so far, by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Lets every request through from now on. */
  repair(): void;
}

const FATES: readonly (readonly [name: string, fate: Fate])[] = [
  ['SlowDown', { status: 503, code: 'SlowDown' }],
  ['InternalError', { status: 500, code: 'InternalError' }],
  ['answer lost', 'lose the answer'],
  ['broken off', { breakAfterBytes: 20 }],
];
const FAULT_RATE = 0.02;
/** A killed process's message comes again after it. */
export const VISIBILITY_SECS = 2;

export async function startFleetAws(pipelines: readonly string[], random: () => number): Promise<FleetAws> {
  await using starting = new AsyncDisposableStack();
  const aws = starting.use(await startEmbeddedAws());
  const faults: Record<string, number> = {};
  let rate = FAULT_RATE;
  const fateOf = (): Fate => {
    if (random() >= rate) return 'pass';
    const [name, fate] = FATES[Math.floor(random() * FATES.length)] ?? ['', 'pass'];
    add(faults, `network ${name}`);
    return fate;
  };
  const waits = starting.use(await startShortWaits(aws.endpoint));
  const proxy = starting.use(await startFlakyProxy(waits.endpoint, fateOf));
  starting.use(useEmulator(aws.endpoint));
  const store = starting.use(openS3ObjectStore());
  const sqs = starting.adopt(openSqsClient(), (client) => client.destroy());
  for (const bucket of ['input', 'output']) await aws.createBucket(bucket);
  const create = (name: string): Promise<string> =>
    aws.createQueue(name, { VisibilityTimeout: String(VISIBILITY_SECS) });
  const ofPipelines: Record<string, FleetQueues['pipelines'][string]> = {};
  for (const name of pipelines)
    ofPipelines[name] = { bundles: await create(`${name}-bundles`), deadLetters: await create(`${name}-letters`) };
  const queues = { intake: await create('intake'), finalizer: await create('finalizer'), pipelines: ofPipelines };
  const resources = starting.move();
  return {
    queues,
    environment: awsEnvironment(proxy.endpoint),
    store,
    sqs,
    faults,
    repair() {
      rate = 0;
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}
