import { endOfJsonString } from '../formats/json-string.ts';
import { LINES_SUFFIX } from '../formats/parts/json-lines.ts';
import { DEFAULT_PART_FORMAT, partWriter } from '../formats/parts/part-formats.ts';
import type { PartFormat } from '../formats/parts/part-writer.ts';
import { bundleName, errorsPath, type FolderNames, partName, SUCCESS_FILE } from './part-names.ts';

export { isResultPath } from './part-names.ts';

/** Staging and notes, a folder for each pipeline; they expire after 30 days, later than any queue's retention. */
export const STAGING = '.fabric';

/** Name of a job's staging. */
export interface JobName {
  readonly pipeline: string;
  readonly id: string;
}

/** Where one bundle's outcomes are committed, as object keys of the output bucket. */
export interface PartPlace {
  /** Id in the metadata: of the job, or of the message with the elements. */
  readonly job: string;
  readonly part: string;
  readonly errors: string;
  /** Format of the part. */
  readonly format: PartFormat;
  /** Start of the keys of all objects that attempts at this bundle stage. */
  readonly staging: string;
}

/**
 * Returns the start of the keys of everything that is staged for a job, or for something else of a pipeline whose name
 * starts with `_`. A pipeline's role reaches its own staging only, so each key is below the pipeline's folder.
 */
export function stagingOf({ pipeline, id }: JobName): string {
  return `${STAGING}/${pipeline}/${id}`;
}

/** A folder of results, and the names of the files in it. */
export interface ResultsFolder {
  /** `<pipeline>/<anything>`, or `<pipeline>/<anything>@<12 digits>` if another job had that folder first. */
  readonly folder: string;
  readonly names: FolderNames;
}

/** A job's folder, with what decides the names of its parts. */
export interface PartsFolder extends ResultsFolder {
  readonly job: JobName & { readonly of: number; readonly parts?: PartFormat };
}

export function partPlace({ folder, names, job }: PartsFolder, bundle: number): PartPlace {
  const { parts: format = DEFAULT_PART_FORMAT } = job;
  return {
    job: job.id,
    format,
    part: `${folder}/${partName(bundle, job.of, format)}`,
    errors: `${folder}/${errorsPath(bundle, job.of, names)}`,
    staging: `${stagingOf(job)}/${bundleName(bundle, job.of)}`,
  };
}

/** Digits of a job's id. Earlier versions staged at `.fabric/<job>/`, which is no pipeline's folder. */
const JOB_DIGEST = /^[0-9a-f]{64}$/;

/** Returns the start of the keys that earlier versions staged for a job, if its id is a digest. */
export function earlierStagingOf(job: string): string | undefined {
  return JOB_DIGEST.test(job) ? `${STAGING}/${job}` : undefined;
}

/** Returns whether an attempt at a bundle of this place may have staged an object with this key. */
export function isStagedFor({ job, staging }: Pick<PartPlace, 'job' | 'staging'>, key: string): boolean {
  const earlier = earlierStagingOf(job);
  return key.startsWith(`${staging}.`) || (earlier !== undefined && key.startsWith(`${earlier}/`));
}

/** Where a job's folder is written down, by the job's id alone. */
export function folderNoteKey(job: JobName): string {
  return `${stagingOf(job)}/folder.json`;
}

/** Folder of the explanations of objects that make no job. */
export const REJECTED = '_rejected';

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
const HEAD_START = /^\{"(?:id|key)":"/;

/** Returns the first field of a file, which distinguishes it from other files of its name; undefined without one. */
export function headOf(text: string): string | undefined {
  const [start] = HEAD_START.exec(text) ?? [];
  if (start === undefined) return undefined;
  const end = endOfJsonString(text, start.length);
  return text[end - 1] === '"' && text[end] === ',' ? text.slice(0, end + 1) : undefined;
}

/** Returns the object key of a job's recorded plan. */
export function jobKey({ folder, names }: ResultsFolder): string {
  return `${folder}/${names.job}`;
}

export function manifestKey({ folder, names }: ResultsFolder): string {
  return `${folder}/${names.manifest}`;
}

export function successKey(folder: string): string {
  return `${folder}/${SUCCESS_FILE}`;
}

/**
 * Returns the key of a bundle's bytes, for an object that can't be read by ranges: it is compressed, or was grouped by key.
 *
 * @param staged - what the plan calls those of one that was grouped.
 */
export function chunkKey(job: JobName, bundle: number, staged?: string): string {
  return `${stagingOf(job)}/chunks/${staged === undefined ? '' : `${staged}/`}${bundle}`;
}

/** The uncompressed bytes of a compressed object, until they are grouped by key. */
export function unsortedKey(job: JobName, bundle: number): string {
  return `${stagingOf(job)}/unsorted/${bundle}`;
}

/** Elements that were sorted by key, and wait to be merged with others. */
export function runPieceKey(job: JobName, run: string, piece: number): string {
  return `${stagingOf(job)}/runs/${run}/${piece}`;
}

/** The objects of one bundle of a manifest's list: a JSON array of addresses. */
export function objectListKey(job: JobName, bundle: number): string {
  return `${stagingOf(job)}/objects/${bundle}.json`;
}

/** How an object that must be read is planned: the first try's options hold for all, so that all cut the same bundles. */
export function planInputKey(job: JobName): string {
  return `${stagingOf(job)}/input.json`;
}

/** Where intake goes on with an object, by how far it has come. */
export function intakeStateKey(job: JobName, progress: string): string {
  return `${stagingOf(job)}/intake/${progress}.json`;
}

/** The body of an `objects` message that is too large for a queue. */
export function looseObjectsKey(pipeline: string, digest: string): string {
  return `${stagingOf({ pipeline, id: '_objects' })}/${digest}.json`;
}

/** A bundle that is at its last receive: JSON `{ until, error? }`; without a part at `until` (milliseconds), it is parked. */
export function lastNoteKey(job: JobName, bundle: number, of: number): string {
  return `${stagingOf(job)}/last/${partName(bundle, of)}`;
}

/** A job whose bundles are sent by a message at its last receive: see `IntakeNote`. */
export function intakeNoteKey(job: JobName): string {
  return `${stagingOf(job)}/last/intake.json`;
}

/** A redrive of a bundle that is not done yet. */
export function redriveNoteKey(job: JobName, bundle: number, of: number): string {
  return `${stagingOf(job)}/redrive/${partName(bundle, of)}`;
}

/** There where a job is to be stopped. */
export function stopKey(job: JobName): string {
  return `${stagingOf(job)}/stop`;
}

/** The answer to an object that is one element by itself. */
export function answerKey(pipeline: string, name: string): string {
  return `${pipeline}/${name}.json`;
}

/** Returns where the outcomes of one `elements` message go. */
export function elementsPlace(
  pipeline: string,
  { messageId, sentAtMillis }: { readonly messageId: string; readonly sentAtMillis: number },
  format: PartFormat = DEFAULT_PART_FORMAT,
): PartPlace {
  const [date = '', time = ''] = new Date(sentAtMillis).toISOString().split('T');
  const folder = `${pipeline}/_elements/${date}/${time.slice(0, 2)}`;
  return {
    job: messageId,
    format,
    part: `${folder}/${messageId}${partWriter(format).suffix}`,
    errors: `${folder}/errors/${messageId}${LINES_SUFFIX}`,
    staging: `${stagingOf({ pipeline, id: `_elements/${messageId}` })}/part`,
  };
}

/**
 * Folder of the bodies of `elements` messages that the fabric sent in the place of others. Nothing that a producer wrote
 * gets there, so a message is the fabric's own if its body is there.
 */
function replacedMessagesFolder(pipeline: string): string {
  return `${stagingOf({ pipeline, id: '_messages' })}/elements/`;
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
  return `${REJECTED}/${segments.join('/')}.json`;
}
