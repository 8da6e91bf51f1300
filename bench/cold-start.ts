/**
 * `npm run bench:cold-start`: from the start of a process to the answer to its first message, with the processor as it is
 * deployed: bundled for Lambda, for this machine's architecture, with a small model (the demo's `wine`). S3 and SQS are
 * the embedded ones, in this process. What Lambda itself adds (fetching and unpacking the code, the sandbox) is not in it.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { ProcessorBundling } from '../cdk/bundling/processor-bundling.ts';
import { awsEnvironment, startEmbeddedAws } from '../cli/local/embedded-aws.ts';
import { percentile } from './percentile.ts';

const ROUNDS = 10;
const MEMORY_MB = 2048;

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '..');

interface ColdStart {
  readonly imported: number;
  readonly answered: number;
}

const folder = await mkdtemp(join(here, 'out-cold-start-'));
try {
  const bundling = new ProcessorBundling({
    configPath: join(root, 'examples/quickstart/fabric.config.ts'),
    architecture: process.arch === 'arm64' ? 'arm64' : 'x86_64',
    files: [join(root, 'examples/models/wine.onnx')],
  });
  bundling.tryBundle(folder);
  await using aws = await startEmbeddedAws();
  await aws.createBucket('results');
  const env = {
    ...process.env,
    ...awsEnvironment(aws.endpoint),
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(MEMORY_MB),
    FABRIC_OUTPUT_BUCKET: 'results',
    FABRIC_INPUT_BUCKETS: '["input"]',
    FABRIC_QUEUES: JSON.stringify({
      bundles: await aws.createQueue('bundles'),
      deadLetters: await aws.createQueue('dead-letters'),
    }),
    FABRIC_PIPELINE: 'wine',
    FABRIC_CONFIG: bundling.configModule,
    FABRIC_MAX_RECEIVES: '5',
    POWERTOOLS_LOG_LEVEL: 'ERROR',
  };
  const rounds: ColdStart[] = [];
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push(await coldStart(join(folder, 'processor.mjs'), env, round));
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`);
  report(
    'module imported',
    rounds.map(({ imported }) => imported),
  );
  report(
    'first message answered',
    rounds.map(({ answered }) => answered),
  );
} finally {
  await rm(folder, { recursive: true, force: true });
}

async function coldStart(processor: string, env: NodeJS.ProcessEnv, round: number): Promise<ColdStart> {
  const features = [13.2, 2.77, 2.51, 18.5, 96.6, 1.04, 2.55, 0.57, 1.47, 6.2, 1.05, 3.33, 820];
  const body = { version: 1, kind: 'elements', pipeline: 'wine', elements: [{ id: 'one', input: { features } }] };
  const event = {
    Records: [
      {
        messageId: `cold-start-${round}`,
        receiptHandle: 'none',
        body: JSON.stringify(body),
        attributes: { ApproximateReceiveCount: '1', SentTimestamp: String(Date.now()) },
      },
    ],
  };
  const child = spawn(process.execPath, [join(here, 'cold-start-child.ts'), processor, JSON.stringify(event)], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [printed, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (status !== 0) throw new Error(`the function ended with status ${status}: ${printed}`);
  return JSON.parse(printed.trim().split('\n').at(-1) ?? '') as ColdStart;
}

function report(what: string, millis: readonly number[]): void {
  const at = (share: number): string => `${Math.round(percentile(millis, share))} ms`;
  console.log(`${what}: median ${at(0.5)} (${at(0)} to ${at(1)}), ${millis.length} starts`);
}
