import { CreateQueueCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { sendBundles } from '../../lib/jobs/sending/send-bundles.ts';
import { openSqsQueue } from '../../lib/stores/sqs-queue.ts';
import type { ObjectStore } from '../../lib/stores/object-store.ts';
import { BUCKETS, type EmulatorProcess } from './emulator-process.ts';
import { Program } from './program.ts';
import { digestOf, localParts, storedParts } from './results.ts';
import { beginSpan, type Span } from './span.ts';
import { recordImages } from './stored-job.ts';

const dist = fileURLToPath(new URL('../../dist/', import.meta.url));
const config = fileURLToPath(new URL('../fabric.config.ts', import.meta.url));

export interface Ground {
  readonly emulator: EmulatorProcess;
  readonly store: ObjectStore;
  readonly sqs: SQSClient;
  /** The images: a folder, the same below a prefix of the input bucket, and their keys there in order. */
  readonly folder: string;
  readonly prefix: string;
  readonly keys: readonly string[];
  /** A folder for results. */
  readonly out: string;
}

export interface Outcome extends Span {
  /** Digest of its results, without the ids. */
  readonly digest: string;
}

/** Runs the images once, with one thread that processes bundles, in separate processes. */
export interface Contestant {
  readonly name: string;
  run(ground: Ground, round: number): Promise<Outcome>;
}

/** A worker as a container runs it: from the first bundle's sending to the last part's writing. */
export const worker: Contestant = {
  name: 'worker',
  async run({ emulator, store, sqs, keys }, round) {
    const { QueueUrl: queue = '' } = await sqs.send(new CreateQueueCommand({ QueueName: `bundles-${round}` }));
    const recorded = await recordImages(store, keys, `${round}.manifest.json`);
    const { folder, job } = recorded;
    const flags = [...nodeFlags('worker', round), '-C', '@inference-fabric/modules'];
    await using program = new Program([...flags, join(dist, 'modules/functions/gpu-worker/index.js')], {
      FABRIC_OUTPUT_BUCKET: BUCKETS.output,
      FABRIC_INPUT_BUCKETS: JSON.stringify([BUCKETS.input]),
      // A new queue, because a worker of an earlier round could still poll the old one: it would receive a message and release it.
      FABRIC_QUEUES: JSON.stringify({ bundles: queue, deadLetters: queue }),
      FABRIC_PIPELINE: job.pipeline,
      FABRIC_CONFIG: config,
      FABRIC_MAX_RECEIVES: '5',
      FABRIC_WORKERS: '1',
    });
    await program.printed('the worker is warm');
    const written = emulator.partsWritten(`${folder}/`, job.of);
    const endSpan = beginSpan(program.pid, emulator.pid);
    const output = { store, bucket: BUCKETS.output };
    const { signal } = new AbortController();
    await sendBundles(recorded, { queue: openSqsQueue(queue, sqs), output, deadline: { signal } });
    await written;
    const span = endSpan();
    await program.end();
    return { ...span, digest: digestOf(await storedParts(store, BUCKETS.output, folder)) };
  },
};

/** From when its model is loaded to its summary. */
export const runFromDisk: Contestant = {
  name: 'fabric run, files',
  async run({ emulator, folder, out }, round) {
    const output = join(out, `run-${round}`);
    await rm(output, { recursive: true, force: true });
    const span = await fabricRun(folder, output, emulator, nodeFlags('run', round));
    const digest = digestOf(await localParts(join(output, 'images', folder.slice(out.length + 1))));
    await rm(output, { recursive: true, force: true });
    return { ...span, digest };
  },
};

/** The same of the objects that the worker reads, to the store that it writes to. */
export const runFromStore: Contestant = {
  name: 'fabric run, s3://',
  async run({ emulator, store, prefix }, round) {
    const output = `round-${round}`;
    const input = `s3://${BUCKETS.input}/${prefix}`;
    const span = await fabricRun(input, `s3://${BUCKETS.runs}/${output}`, emulator, nodeFlags('run-s3', round));
    const folder = `${output}/images/${prefix.slice(0, -1)}`;
    return { ...span, digest: digestOf(await storedParts(store, BUCKETS.runs, folder)) };
  },
};

async function fabricRun(
  input: string,
  output: string,
  emulator: EmulatorProcess,
  flags: readonly string[],
): Promise<Span> {
  const options = ['--output', output, '--config', config, '--workers', '1', '--verbose', '--json'];
  await using program = new Program([...flags, join(dist, 'cli/fabric.js'), 'run', 'images', input, ...options]);
  await program.printed('was loaded');
  const endSpan = beginSpan(program.pid, emulator.pid);
  await program.printed('{"');
  const span = endSpan();
  await program.ended();
  return span;
}

/** With BENCH_PROFILE, a folder, each process leaves its CPU profile there. */
function nodeFlags(name: string, round: number): readonly string[] {
  const folder = process.env['BENCH_PROFILE'];
  return folder === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(folder, `${name}-${round}`)}`];
}
