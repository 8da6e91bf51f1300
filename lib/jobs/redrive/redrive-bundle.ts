import { createReadStream } from 'node:fs';
import type { RedriveMessage } from '../../elements/messages.ts';
import { FabricError } from '../../errors.ts';
import { partWriter } from '../../formats/parts/part-formats.ts';
import { addMeasures } from '../../inference/measures.ts';
import { joinProviders } from '../../inference/tally.ts';
import { addUsage } from '../../remote/token-usage.ts';
import { commitPart } from '../commit/commit-part.ts';
import { sendLetters } from '../commit/dead-letters.ts';
import type { RecordedJob } from '../job-record.ts';
import { mergeOutcomes } from './merge-outcomes.ts';
import { OutcomeSpool } from '../commit/outcome-spool.ts';
import { type PartPlace, partPlace } from '../output-layout.ts';
import { type CommittedPart, readPart } from '../commit/part-metadata.ts';
import type { OutputBucket } from '../fabric-ports.ts';
import type { Attempt, BundleProcessorOptions } from '../attempt/processor-options.ts';
import { readLines } from '../../formats/parts/read-lines.ts';
import { endRedrive, isRedriveOpen } from '../notes/redrive-notes.ts';
import { replaceErrors } from '../commit/replace-errors.ts';
import { runFailuresAgain } from './run-failures-again.ts';
import { BrokenOffError } from '../attempt/run-outcomes.ts';
import { StagedAnswers } from '../attempt/staged-answers.ts';
import { errorsOf, type SelectedFailures, selectFailures } from './select-failures.ts';
import { readStoredBundle } from '../attempt/stored-bundle.ts';

/** Starts over because the part was replaced in between; each time another redrive has got on. */
const MAX_TRIES = 20;

type RedriveOptions = Attempt & BundleProcessorOptions;

/**
 * Runs failed elements of a committed bundle again, and puts the part that is right then in its place.
 *
 * The part decides, as at its first commit: it is replaced only if it is still the one that was read, and a loser reads
 * again. The note of the redrive goes last, so that it stays where something may be missing.
 *
 * @throws BrokenOffError at the deadline: what succeeded until then is committed, and another attempt goes on from there.
 */
export async function redriveBundle(
  message: RedriveMessage,
  recorded: RecordedJob,
  options: RedriveOptions,
): Promise<void> {
  const { output, telemetry, deadline } = options;
  const { signal } = deadline;
  const { job } = recorded;
  const { bundle, select } = message;
  const place = partPlace(recorded, bundle);
  const fields = { job: job.id, part: place.part };
  if (!(await isRedriveOpen({ job, bundle }, select, output, { signal }))) {
    telemetry.info('a redrive that is done was asked for again', fields);
    return;
  }
  const part = await readPart(place, output, { signal });
  if (part === undefined) telemetry.warn('a bundle without a part can not be redriven: it has to run first', fields);
  else await redrivePart({ message, recorded, place }, part, options);
  await endRedrive({ job, bundle }, select, output);
}

/** What is redriven, and where its part is. */
interface Redrive {
  readonly message: RedriveMessage;
  readonly recorded: RecordedJob;
  readonly place: PartPlace;
}

/** Redrives the part that is there, until nothing is left that was asked for. */
async function redrivePart(redrive: Redrive, first: CommittedPart, options: RedriveOptions): Promise<void> {
  const answers = await takeAnswers(redrive, options);
  try {
    await redriveWith(answers, redrive, first, options);
  } catch (error) {
    // Where it can't be staged, it is asked for again.
    await answers.stage(0).catch(() => {});
    throw error;
  }
}

/**
 * What attempts at this very redrive were answered. Not what the bundle was before: who redrives wants to ask anew, as
 * where an answer was no use.
 */
function takeAnswers(
  { place, message: { firstSentAt } }: Redrive,
  { engine, output, received, deadline: { signal } }: RedriveOptions,
): Promise<StagedAnswers> {
  const staging = `${place.staging}.redrive-${firstSentAt ?? received.sentAtMillis}`;
  return StagedAnswers.take({ staging }, { pipeline: engine.pipeline, output }, { signal, keepsAll: true });
}

async function redriveWith(
  answers: StagedAnswers,
  redrive: Redrive,
  first: CommittedPart,
  options: RedriveOptions,
): Promise<void> {
  const { place, message } = redrive;
  const { output, deadline } = options;
  const { signal } = deadline;
  let part = first;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const failures = await selectFailures(place, part, message.select, output, { signal });
    // Errors may be missing after a commit of an earlier attempt.
    if (failures.ordinals.length === 0) return replaceErrors(place, part, output, { signal });
    const { won, now } = await runAndReplace(redrive, { part, failures, answers }, options);
    if (won) return;
    part = now;
  }
  throw new FabricError('PART_NOT_REPLACED', `${place.part} changes too often to be redriven`, {
    disposition: 'retry',
  });
}

/** The failures of a part, and what they were answered in this redrive. */
interface RedriveWork {
  readonly part: CommittedPart;
  readonly failures: SelectedFailures;
  readonly answers: StagedAnswers;
}

/** @returns whether the part was replaced as asked for, or else the one that is there by now. */
async function runAndReplace(
  { place, recorded, message: { bundle: index } }: Redrive,
  { part, failures, answers }: RedriveWork,
  options: RedriveOptions,
): Promise<{ readonly won: boolean; readonly now: CommittedPart }> {
  const { engine, output, inputBuckets, received, deadline } = options;
  const { signal } = deadline;
  const { manifests } = engine.pipeline.input;
  const stored = await readStoredBundle(recorded.job, index, { output, inputBuckets, manifests, signal });
  const bundle = { ...stored, receives: received.receiveCount };
  await using redone = await OutcomeSpool.open();
  const run = await runFailuresAgain(failures, redone, { engine, place, part, bundle, output, deadline, answers });
  await redone.close();
  const { ordinals, models, brokenOff } = run;
  const isNothing = ordinals.length === 0;
  if (brokenOff !== undefined && isNothing) {
    throw new BrokenOffError({ ...brokenOff.at, progressed: answers.journal.hasNewAnswers }, brokenOff.cause);
  }
  // From here on all is done past the deadline too, which leaves the time for that.
  if (isNothing) {
    await replaceErrors(place, part, output);
    return { won: true, now: part };
  }
  await using merged = failures.isRange ? undefined : await merge({ place, part, redone, ordinals }, output);
  const commit = await commitPart(place, merged ?? redone, {
    output,
    models: failures.isRange ? models : { ...part.note.models, ...models },
    providers: joinProviders(failures.isRange ? undefined : part.note.providers, redone.tally.providers),
    usage: addUsage(part.note.usage, redone.tally.usage),
    measures: addMeasures(part.note.measures, redone.tally.measures),
    elapsedMillis: part.note.elapsedMillis + run.elapsedMillis,
    only: { ifMatch: part.etag },
  });
  if (!commit.won) return { won: false, now: commit.part };
  answers.journal.forgetUsage(ordinals);
  await finish(place, commit.part, redone, options);
  if (brokenOff !== undefined) throw new BrokenOffError({ ...brokenOff.at, progressed: true }, brokenOff.cause);
  return { won: true, now: commit.part };
}

/** Dead letters for what failed again, then the errors in their place. */
async function finish(
  place: PartPlace,
  part: CommittedPart,
  redone: OutcomeSpool,
  { output, pipelineName: pipeline, deadLetters, telemetry }: RedriveOptions,
): Promise<void> {
  const { total: redriven, succeeded } = redone.tally;
  telemetry.info('failures were redriven', { job: place.job, part: place.part, redriven, succeeded });
  if (redone.errors.byteLength > 0) {
    const claims = `${part.note.errors ?? place.staging}.redriven`;
    const lines = readLines(createReadStream(redone.errors.path));
    await sendLetters(lines, { pipeline, job: place.job, deadLetters, output, claims });
  }
  await replaceErrors(place, part, output);
}

interface MergeOptions {
  readonly place: PartPlace;
  readonly part: CommittedPart;
  readonly redone: OutcomeSpool;
  readonly ordinals: readonly number[];
}

/** All outcomes of the bundle, those that are new in the place of old ones. */
async function merge({ place, part, redone, ordinals }: MergeOptions, output: OutputBucket): Promise<OutcomeSpool> {
  const { store, bucket } = output;
  const results = await store.get({ bucket, key: place.part }, { ifMatch: part.etag });
  if (results === undefined) {
    throw new FabricError('PART_REPLACED', `${place.part} was replaced while it was redriven`, {
      disposition: 'retry',
    });
  }
  const merged = await OutcomeSpool.open();
  try {
    const chunks = mergeOutcomes({
      total: part.note.elements,
      committed: {
        results: partWriter(place.format).readLines(results.chunks, place.format),
        errors: await errorsOf(place, part, output),
      },
      redone: {
        ordinals,
        results: readLines(createReadStream(redone.results.path)),
        errors: readLines(createReadStream(redone.errors.path)),
      },
    });
    for await (const chunk of chunks) await merged.write(chunk);
  } catch (error) {
    await merged[Symbol.asyncDispose]();
    throw error;
  }
  return merged;
}
