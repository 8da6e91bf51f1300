/**
 * `npm run bench:worker`: a container's worker against `fabric run --workers 1` on the same images, interleaved in one
 * session. Both have one thread that takes bundles, and both are measured from when their model is loaded: the worker from
 * the sending of the first bundle to the writing of the last part, the run to its summary. S3 and SQS are the embedded
 * ones, in a separate process on the same cores, whose CPU time is shown, too. `fabric run` also reads the same
 * objects from the same emulator and writes to it, as the worker does.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { availableParallelism, cpus } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { useEmulator } from '../cli/local/emulator-environment.ts';
import { openS3ObjectStore } from '../lib/stores/s3-object-store.ts';
import { openSqsClient } from '../lib/stores/sqs-queue.ts';
import { makeImages } from './inputs.ts';
import { convNet } from './models.ts';
import { IMAGES, MODELS, ROUNDS } from './settings.ts';
import { type Contestant, type Ground, runFromDisk, runFromStore, worker } from './worker/contestants.ts';
import { EmulatorProcess } from './worker/emulator-process.ts';
import { tableOf } from './worker/report.ts';
import type { Span } from './worker/span.ts';
import { putImages } from './worker/stored-job.ts';

/** Delay of each request to the emulator, like that of requests to S3 in the network. */
const LATENCY_MILLIS = Number(process.env['BENCH_LATENCY_MILLIS'] ?? 0);
const CONTESTANTS: readonly Contestant[] = [worker, runFromDisk, runFromStore];

const here = fileURLToPath(new URL('.', import.meta.url));
const out = join(here, 'out');
const folder = join(out, `images-${IMAGES}`);
const prefix = `images-${IMAGES}/`;

await mkdir(out, { recursive: true });
await writeFile(join(here, MODELS.convNet), convNet());
await makeImages(folder, IMAGES);

await using emulator = await EmulatorProcess.start(LATENCY_MILLIS);
using _environment = useEmulator(emulator.endpoint);
using store = openS3ObjectStore();
const sqs = openSqsClient();
const keys = await putImages(store, folder, prefix);

const spans = await compete({ emulator, store, sqs, folder, prefix, keys, out });
sqs.destroy();
console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}`);
console.log(`${IMAGES} images, ${ROUNDS} rounds, requests to S3 and SQS wait ${LATENCY_MILLIS} ms\n`);
console.log(
  tableOf(
    CONTESTANTS.map(({ name }, index) => ({ name, spans: spans[index] ?? [] })),
    IMAGES,
  ),
);

async function compete(ground: Ground): Promise<readonly (readonly Span[])[]> {
  const spans = CONTESTANTS.map((): Span[] => []);
  const digests = new Set<string>();
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, contestant] of CONTESTANTS.entries()) {
      const { digest, ...span } = await contestant.run(ground, round);
      spans[index]?.push(span);
      digests.add(digest);
    }
  }
  if (digests.size > 1) throw new Error('the contestants wrote different predictions');
  return spans;
}
