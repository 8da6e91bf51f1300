/**
 * `npm run bench:peers`: the same files and models through `fabric run`, bare loops in Node and Python, Daft, Ray Data and
 * Apache Beam, as whole processes, in turn, round after round. Every prediction is compared with that of a bare loop.
 * PEERS_ROWS, PEERS_IMAGES, PEERS_ROUNDS, PEERS_WORKLOADS (`jsonl,csv`) and PEERS_ONLY (`Daft;bare Node`) make it shorter or
 * longer. Linux only: it follows processes by /proc.
 */
import { mkdir, rm } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Check, checkPredictions, type Predictions, readPredictions } from './peers/check-predictions.ts';
import { type Contestant, contestantsOf } from './peers/contestants.ts';
import { installPeers } from './peers/environments.ts';
import { makeInputs } from './peers/inputs.ts';
import { type CheckedRun, printTable } from './peers/report.ts';
import { runContestant } from './peers/run-contestant.ts';
import { chosenWorkloads, IMAGES, ROUNDS, ROWS, type Workload } from './peers/workloads.ts';
import { runNode } from './run-node.ts';

const PROBABILITIES = 2;
const SCORES = 10;
const here = fileURLToPath(new URL('.', import.meta.url));
const data = join(here, 'out/peers');

if (process.platform !== 'linux') throw new Error('npm run bench:peers needs Linux: it follows processes by /proc');
const interpreters = await installPeers();
await makeInputs(data);
const logs = join(data, 'logs');
await mkdir(logs, { recursive: true });
const workloads = chosenWorkloads();
const rows = workloads.some(({ kind }) => kind !== 'images') ? await rowReference() : undefined;
const images = workloads.some(({ kind }) => kind === 'images') ? await imageReference() : undefined;

console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores, Node ${process.version}\n`);
for (const workload of workloads) printTable(workload, await compete(workload));

async function compete(workload: Workload): Promise<readonly CheckedRun[]> {
  const runs: CheckedRun[] = [];
  const contestants = contestantsOf(workload, { data, interpreters });
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const contestant of contestants) {
      const run = await runContestant(contestant, join(logs, `${workload.name}-${contestant.name}.txt`));
      const check = round === 0 ? await checked(contestant, workload) : undefined;
      runs.push({ ...run, round, check });
      const secs = `${run.wallSecs.toFixed(2)} s, ${run.cpuSecs.toFixed(2)} CPU s`;
      console.error(`${workload.name} ${round + 1}: ${contestant.name} ${secs}, load ${loadavg()[0]?.toFixed(1)}`);
      await rm(contestant.output, { recursive: true, force: true });
    }
  }
  return runs;
}

async function checked({ output }: Contestant, { kind, elements }: Workload): Promise<Check | undefined> {
  const reference = kind === 'images' ? images : rows;
  if (reference === undefined || reference.counts.length < elements) return undefined;
  return checkPredictions(await readPredictions(output, elements, reference.width), reference);
}

/** Returns the predictions of one loop over the model: all files of rows begin with the same rows. */
async function rowReference(): Promise<Predictions> {
  const output = join(data, 'reference-rows');
  await mkdir(output, { recursive: true });
  const args = [join(data, `rows-${ROWS}.jsonl`), join(data, 'mlp.onnx'), join(output, 'part.jsonl')];
  await runNode([join(here, 'peers/bare-rows.ts'), ...args]);
  return readPredictions(output, ROWS, PROBABILITIES);
}

async function imageReference(): Promise<Predictions> {
  const output = join(data, 'reference-images');
  await mkdir(output, { recursive: true });
  const args = [join(data, `images-${IMAGES}`), join(data, 'conv-net.onnx'), join(output, 'part.jsonl'), 'model', '16'];
  await runNode([join(here, 'bare-images.ts'), ...args]);
  return readPredictions(output, IMAGES, SCORES);
}
