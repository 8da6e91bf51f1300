import { partName } from './part-names.ts';

/** Staging and notes; they expire after 30 days, later than any queue's retention. */
export const STAGING = '.fabric';

/** Where one bundle's outcomes are committed, as object keys of the output bucket. */
export interface PartPlace {
  /** What its metadata names: the job, or the message that the elements came in. */
  readonly job: string;
  readonly part: string;
  readonly errors: string;
  /** What the keys of everything start with that attempts at this bundle stage. */
  readonly staging: string;
}

export function stagingOf(job: string): string {
  return `${STAGING}/${job}`;
}

/** @param folder - the job's: `<pipeline>/<anything>`, or with `@<12 digits>`. */
export function partPlace(folder: string, job: string, bundle: number, of: number): PartPlace {
  const part = partName(bundle, of);
  return {
    job,
    part: `${folder}/${part}`,
    errors: `${folder}/errors/${part}`,
    staging: `${stagingOf(job)}/${part.replace(/\.jsonl$/, '')}`,
  };
}

/** Where a job's folder is written down, by the job's id alone. */
export function folderNoteKey(job: string): string {
  return `${stagingOf(job)}/folder.json`;
}

/** Name of the file with a job's recorded plan, in the job's folder. */
export const JOB_FILE = 'job.json';
const PART_NAME = String.raw`part-\d+-of-\d+\.jsonl`;
const OWN_NAME = new RegExp(`^(?:job\\.json|manifest\\.json|_SUCCESS|(?:errors/)?${PART_NAME})$`);

/** Returns whether a path below a job's folder is one of its results. The fabric owns no other files there. */
export function isResultPath(path: string): boolean {
  return OWN_NAME.test(path);
}

/** Returns the folders above a path below another: `a` and `a/b` for `a/b/c`. */
export function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

/** Returns the start of an answer's line, which distinguishes it from other files of its name. */
export function answerHead(id: string): string {
  return `{"id":${JSON.stringify(id)},"`;
}

/** First field of an answer, or of an explanation in `_rejected/`, which identifies the element or the input. */
const HEAD = /^\{"(?:id|key)":"(?:[^"\\]|\\.)*",/;

/** Returns the first field of a file, which distinguishes it from other files of its name; undefined without one. */
export function headOf(text: string): string | undefined {
  return HEAD.exec(text)?.[0];
}

export function manifestKey(folder: string): string {
  return `${folder}/manifest.json`;
}

export function successKey(folder: string): string {
  return `${folder}/_SUCCESS`;
}

/**
 * What a bundle holds of an object that can't be read by ranges: it is compressed, or was grouped by key.
 *
 * @param staged - what the plan calls those of one that was grouped.
 */
export function chunkKey(job: string, bundle: number, staged?: string): string {
  return `${stagingOf(job)}/chunks/${staged === undefined ? '' : `${staged}/`}${bundle}`;
}

/** The uncompressed bytes of a compressed object, until they are grouped by key. */
export function unsortedKey(job: string, bundle: number): string {
  return `${stagingOf(job)}/unsorted/${bundle}`;
}

/** Elements that were sorted by key, and wait to be merged with others. */
export function runPieceKey(job: string, run: string, piece: number): string {
  return `${stagingOf(job)}/runs/${run}/${piece}`;
}

/** The objects of one bundle of a manifest's list: a JSON array of addresses. */
export function objectListKey(job: string, bundle: number): string {
  return `${stagingOf(job)}/objects/${bundle}.json`;
}

/** How an object that must be read is planned: the first try's options hold for all, so that all cut the same bundles. */
export function planInputKey(job: string): string {
  return `${stagingOf(job)}/input.json`;
}

/** Where intake goes on with an object, by how far it has come. */
export function intakeStateKey(job: string, progress: string): string {
  return `${stagingOf(job)}/intake/${progress}.json`;
}

/** The body of an `objects` message that is too large for a queue. */
export function looseObjectsKey(digest: string): string {
  return `${STAGING}/_objects/${digest}.json`;
}

/** A bundle that is at its last receive: JSON `{ until, error? }`; without a part at `until` (milliseconds), it is parked. */
export function lastNoteKey(job: string, bundle: number, of: number): string {
  return `${stagingOf(job)}/last/${partName(bundle, of)}`;
}

/** A job whose bundles are sent by a message at its last receive: see `IntakeNote`. */
export function intakeNoteKey(job: string): string {
  return `${stagingOf(job)}/last/intake.json`;
}

/** A redrive of a bundle that is not done yet. */
export function redriveNoteKey(job: string, bundle: number, of: number): string {
  return `${stagingOf(job)}/redrive/${partName(bundle, of)}`;
}

/** There where a job is to be stopped. */
export function stopKey(job: string): string {
  return `${stagingOf(job)}/stop`;
}

/** The answer to an object that is one element by itself. */
export function answerKey(pipeline: string, name: string): string {
  return `${pipeline}/${name}.json`;
}

/** The parts of one `elements` message. */
export function elementsPlace(pipeline: string, messageId: string, sentAtMillis: number): PartPlace {
  const [date = '', time = ''] = new Date(sentAtMillis).toISOString().split('T');
  const folder = `${pipeline}/_elements/${date}/${time.slice(0, 2)}`;
  return {
    job: messageId,
    part: `${folder}/${messageId}.jsonl`,
    errors: `${folder}/errors/${messageId}.jsonl`,
    staging: `${stagingOf(`_elements/${messageId}`)}/part`,
  };
}

/**
 * Folder of the bodies of `elements` messages that the fabric sent in the place of others. Nothing that a producer wrote
 * gets there, so a message is the fabric's own if its body is there.
 */
function replacedMessagesFolder(pipeline: string): string {
  return `${stagingOf('_messages')}/${pipeline}/elements/`;
}

export function replacedMessageKey(pipeline: string, id: string): string {
  return `${replacedMessagesFolder(pipeline)}${id}.json`;
}

export function isReplacedMessageKey(pipeline: string, key: string): boolean {
  return key.startsWith(replacedMessagesFolder(pipeline));
}

/** The answer to an element by its id, where `output.elements` is `'id'`. */
export function elementAnswerKey(pipeline: string, id: string): string {
  return `${pipeline}/_elements/${encodeURIComponent(id)}.json`;
}

/** Where an object that makes no job is explained; segments that would lead out of a folder are written otherwise. */
export function rejectedKey(objectKey: string): string {
  const segments = objectKey
    .split('/')
    .map((segment) => (/^\.{0,2}$/.test(segment) ? `%${segment || 'empty'}` : segment));
  return `_rejected/${segments.join('/')}.json`;
}
