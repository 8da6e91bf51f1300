import { createHash, randomUUID } from 'node:crypto';
import { type ObjectsMessage, InvalidMessageError } from '../../elements/messages.ts';
import type { BundleObject } from '../../inference/bundle.ts';
import { getText } from '../../stores/object-store.ts';
import { sendLetters } from '../commit/dead-letters.ts';
import { inParallel } from '../in-parallel.ts';
import { readObjectKey } from '../object-keys.ts';
import { isNewer, lookAtVersion, type ObjectVersion, versionMetadata } from './object-version.ts';
import { OutcomeSpool } from '../commit/outcome-spool.ts';
import { answerKey, stagingOf } from '../output-layout.ts';
import type { Attempt, BundleProcessorOptions } from '../attempt/processor-options.ts';
import { isFailure, putAnswer } from './put-answer.ts';
import { BrokenOffError } from '../attempt/run-outcomes.ts';
import { type SpooledOutcome, spooledOutcomes } from './spooled-outcomes.ts';
import { isThrottle, StagedAnswers } from '../attempt/staged-answers.ts';
import { bundleObject } from '../attempt/stored-bundle.ts';

/** Requests to the store at once. */
const AT_ONCE = 16;

/** An object that is to be answered, and what its answer is called. */
interface AskedObject {
  readonly key: string;
  readonly version: ObjectVersion;
  readonly object: BundleObject;
  /** The `source` of a failure. */
  readonly source: Readonly<Record<string, string>>;
}

/**
 * Runs objects that are one element each and of no job: they share a bundle, and each is answered by a separate object,
 * which is its commit. One that has its answer already, for this version or a newer one, is left out.
 *
 * @throws BrokenOffError at the deadline, or what else the run ended with; what has its outcome by then is answered.
 */
export async function processObjects({ objects }: ObjectsMessage, attempt: Attempt): Promise<void> {
  const { options } = attempt;
  const { signal } = attempt.deadline;
  const named = objects.map((object) => ({ object, name: nameOf(object, options) }));
  const looked = await inParallel(named, AT_ONCE, async ({ object, name }) => {
    signal.throwIfAborted();
    return askedObject({ listed: object, name }, attempt);
  });
  const asked = looked.filter((object) => object !== undefined);
  if (asked.length === 0) return;
  await using spool = await OutcomeSpool.open();
  const source = { kind: 'objects', objects: asked.map(({ object }) => object), firstIndex: 0 } as const;
  const bundle = { name: '', source, address: {}, receives: attempt.received.receiveCount };
  const answers = await answersOf(objects, attempt);
  let ended: { readonly error: unknown; readonly isOver: boolean } | undefined;
  try {
    await options.engine.process(bundle, spool, answers.processOptions(attempt.deadline));
  } catch (error) {
    ended = { error, isOver: signal.aborted || isThrottle(error) };
  }
  await spool.close();
  try {
    await answerAll(spool, asked, options);
  } catch (error) {
    // Keeps answers that were paid for and could not be put.
    await answers.stage(0).catch(() => {});
    throw error;
  }
  if (ended === undefined) return;
  await answers.stage(spool.tally.total);
  if (!ended.isOver) throw ended.error;
  const progressed = spool.tally.total > 0 || answers.journal.hasNewAnswers;
  throw new BrokenOffError({ ...answers.at, progressed }, ended.error);
}

/** Returns staged answers of remote models. Places change between attempts: answered objects are left out. */
function answersOf(
  objects: ObjectsMessage['objects'],
  { deadline: { signal }, options: { engine, output, pipelineName } }: Attempt,
): Promise<StagedAnswers> {
  const digest = createHash('sha256').update(JSON.stringify(objects)).digest('hex');
  const place = { staging: stagingOf({ pipeline: pipelineName, id: `_answers/${digest}` }) };
  return StagedAnswers.open(place, { pipeline: engine.pipeline, output }, { signal, anyPlace: true, keepsAll: true });
}

function nameOf({ bucket, key }: ObjectsMessage['objects'][number], { pipelineName }: BundleProcessorOptions): string {
  const reading = readObjectKey(key, 1, [pipelineName]);
  if (reading.kind === 'ok') return reading.name;
  const reason = reading.kind === 'rejected' ? reading.reason : 'it is a folder';
  throw new InvalidMessageError(`the message lists an object of ${bucket} that has no answer: ${reason}`);
}

/** Undefined where the answer is there already; of a failure, the dead letter may be what is missing. */
async function askedObject(
  { listed, name }: { readonly listed: ObjectsMessage['objects'][number]; readonly name: string },
  { deadline: { signal }, options }: Attempt,
): Promise<AskedObject | undefined> {
  const { output, pipelineName, inputBuckets } = options;
  const { bucket, key, versionId, etag, sequencer } = listed;
  const version = inputBuckets.includes(bucket)
    ? await lookAtVersion(listed, output.store, { signal })
    : { versionId, etag, sequencer, isCurrent: false };
  const answer = { bucket: output.bucket, key: answerKey(pipelineName, name) };
  const there = await output.store.head(answer, { signal });
  if (there !== undefined && !isNewer(version, there.metadata)) {
    const text = isFailure(there.metadata) ? await getText(output.store, answer, { signal }) : undefined;
    if (text !== undefined) await sendLetter(text.text.trimEnd(), options);
    return undefined;
  }
  const address = { ...(versionId === undefined ? {} : { versionId }), ...(etag === undefined ? {} : { etag }) };
  const object = bundleObject({ bucket, key, ...address }, inputBuckets);
  return {
    key: answer.key,
    version,
    object: { ...object, id: `${name}#0`, path: name },
    source: { bucket, key, ...address },
  };
}

async function answerAll(
  spool: OutcomeSpool,
  asked: readonly AskedObject[],
  options: BundleProcessorOptions,
): Promise<void> {
  const outcomes: SpooledOutcome[] = [];
  for await (const outcome of spooledOutcomes(spool)) {
    outcomes.push(outcome);
    if (outcomes.length < AT_ONCE) continue;
    await answerSome(outcomes.splice(0), asked, options);
  }
  await answerSome(outcomes, asked, options);
}

async function answerSome(
  outcomes: readonly SpooledOutcome[],
  asked: readonly AskedObject[],
  options: BundleProcessorOptions,
): Promise<void> {
  const { output, telemetry, pipelineName } = options;
  await inParallel(outcomes, AT_ONCE, async ({ ordinal, line: outcomeLine, failure }) => {
    const object = asked[ordinal];
    if (object === undefined) return;
    const { key, version, source } = object;
    // The bundle has no address: a failure's source is its object.
    const line = failure === undefined ? outcomeLine : JSON.stringify({ ...failure, source });
    const failed = failure !== undefined;
    const metadata = versionMetadata(version);
    const replaces = (there: Readonly<Record<string, string>>): boolean => isNewer(version, there);
    // First: no other process looks for the letter of an answer that is there.
    if (failed) await sendLetter(line, options);
    const isAnswered = await putAnswer({ key, line, failed, metadata, replaces }, output);
    if (isAnswered) telemetry.count(failed ? 'elements_failed' : 'elements_succeeded', 1, pipelineName);
  });
}

async function sendLetter(line: string, options: BundleProcessorOptions): Promise<void> {
  const { pipelineName: pipeline, deadLetters, output } = options;
  const claims = stagingOf({ pipeline, id: `_answers/${randomUUID()}` });
  await sendLetters([line], { pipeline, deadLetters, output, claims });
}
