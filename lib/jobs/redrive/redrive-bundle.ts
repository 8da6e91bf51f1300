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
import type { Attempt } from '../attempt/processor-options.ts';
import { readLines } from '../../formats/parts/read-lines.ts';
import { endRedrive, isRedriveOpen } from '../notes/redrive-notes.ts';
import { replaceErrors } from '../commit/replace-errors.ts';
import { runFailuresAgain } from './run-failures-again.ts';
import { BrokenOffError } from '../attempt/run-outcomes.ts';
import { StagedAnswers } from '../attempt/staged-answers.ts';
import { errorsOf, type SelectedFailures, selectFailures } from './select-failures.ts';
import { readStoredBundle } from '../attempt/stored-bundle.ts';

/** Times that a redrive starts over because another one replaced the part. */
const MAX_TRIES = 20;

/**
 * Runs failed elements of a committed bundle again, and replaces the part by one with the new outcomes.
 *
 * The part decides, as at its first commit: it is replaced only if it is still the one that was read, and a loser reads
 * again. The note of the redrive is removed last, so that it stays if something is missing.
 *
 * @throws BrokenOffError at the deadline: what succeeded until then is committed, and another attempt continues.
 */
export async function redriveBundle(message: RedriveMessage, recorded: RecordedJob, attempt: Attempt): Promise<void> {
  const { output, telemetry } = attempt.options;
  const { signal } = attempt.deadline;
  const { job } = recorded;
  const { bundle, select } = message;
  const place = partPlace(recorded, bundle);
  const fields = { job: job.id, part: place.part };
  if (!(await isRedriveOpen({ job, bundle }, select, { ...output, signal }))) {
    telemetry.info('a redrive that is done was asked for again', fields);
    return;
  }
  const part = await readPart(place, output, { signal });
  if (part === undefined) telemetry.warn('a bundle without a part can not be redriven: it has to run first', fields);
  else await redrivePart({ ...attempt, message, recorded, place }, part);
  await endRedrive({ job, bundle }, select, output);
}

/** One attempt at the redrive of a bundle. */
interface Redrive extends Attempt {
  readonly message: RedriveMessage;
  readonly recorded: RecordedJob;
  readonly place: PartPlace;
}

/** Redrives the committed part, until none of the selected failures is left. */
async function redrivePart(redrive: Redrive, first: CommittedPart): Promise<void> {
  const answers = await openAnswers(redrive);
  try {
    await redriveWith(redrive, first, answers);
  } catch (error) {
    // Answers that can't be staged are requested again.
    await answers.stage(0).catch(() => {});
    throw error;
  }
}

/**
 * Returns the answers that attempts at this redrive got. Answers that the bundle got before are left out: a redrive asks
 * again, because an answer can be the reason of a failure.
 */
function openAnswers({ place, message, received, deadline, options }: Redrive): Promise<StagedAnswers> {
  const { engine, output } = options;
  const { signal } = deadline;
  const { firstSentAt } = message;
  const staging = `${place.staging}.redrive-${firstSentAt ?? received.sentAtMillis}`;
  return StagedAnswers.open({ staging }, { pipeline: engine.pipeline, output }, { signal, keepsAll: true });
}

async function redriveWith(redrive: Redrive, first: CommittedPart, answers: StagedAnswers): Promise<void> {
  const { place, message, deadline, options } = redrive;
  const { output } = options;
  const { signal } = deadline;
  let part = first;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const failures = await selectFailures({ place, part }, message.select, { ...output, signal });
    // Errors may be missing after a commit of an earlier attempt.
    if (failures.ordinals.length === 0) return replaceErrors(place, part, { ...output, signal });
    const { won, now } = await runAndReplace(redrive, { part, failures, answers });
    if (won) return;
    part = now;
  }
  throw new FabricError('PART_NOT_REPLACED', `${place.part} changes too often to be redriven`, {
    disposition: 'retry',
  });
}

/** The selected failures of a part, and the answers that they got in this redrive. */
interface RedriveWork {
  readonly part: CommittedPart;
  readonly failures: SelectedFailures;
  readonly answers: StagedAnswers;
}

/** @returns whether this attempt replaced the part, and the part that is committed now. */
async function runAndReplace(
  redrive: Redrive,
  { part, failures, answers }: RedriveWork,
): Promise<{ readonly won: boolean; readonly now: CommittedPart }> {
  const { place, recorded, message, received, deadline, options } = redrive;
  const { engine, output, inputBuckets } = options;
  const { signal } = deadline;
  const { manifests } = engine.pipeline.input;
  const stored = await readStoredBundle(recorded.job, message.bundle, { output, inputBuckets, manifests, signal });
  const bundle = { ...stored, receives: received.receiveCount };
  await using redone = await OutcomeSpool.open();
  const run = await runFailuresAgain(failures, redone, { engine, place, part, bundle, output, deadline, answers });
  await redone.close();
  const { ordinals, models, brokenOff } = run;
  const isNothing = ordinals.length === 0;
  if (brokenOff !== undefined && isNothing) {
    throw new BrokenOffError({ ...brokenOff.at, progressed: answers.journal.hasNewAnswers }, brokenOff.cause);
  }
  // The rest is done after the deadline too, which leaves time for that.
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
  await finish(redrive, commit.part, redone);
  if (brokenOff !== undefined) throw new BrokenOffError({ ...brokenOff.at, progressed: true }, brokenOff.cause);
  return { won: true, now: commit.part };
}

/** Sends dead letters for elements that failed again, then puts the errors in their place. */
async function finish({ place, options }: Redrive, part: CommittedPart, redone: OutcomeSpool): Promise<void> {
  const { output, pipelineName: pipeline, deadLetters, telemetry } = options;
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

/** Returns all outcomes of the bundle, with the new ones in the place of the old. */
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
