import { parseJob } from '../job.ts';
import { TEMPORARY_SUFFIX } from '../../stores/file-names.ts';
import { answerHead, foldersAbove, isResultPath } from '../output-layout.ts';
import { ALL_FOLDER_NAMES, isErrorsFolder } from '../part-names.ts';
import { InputError } from './run-input.ts';

/** Files of a folder or objects of a prefix, by their paths below it. */
export interface FolderContents {
  readonly paths: AsyncIterable<string>;
  /** Reads a whole small file; undefined if it is gone. */
  text(path: string): Promise<string | undefined>;
  /** Reads the first `bytes` bytes of a file. */
  start(path: string, bytes: number): Promise<string | undefined>;
}

/** State of the path of a single file that the fabric writes: an answer, or an explanation. */
export type OwnState = 'absent' | 'own' | 'foreign';

/** Files that operating systems create in folders that a user opens. */
const SYSTEM_FILES: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);

/** Suffix of an answer's file name. */
const ANSWER_SUFFIX = '.json';

/**
 * Finds a file that the fabric did not write in a folder without a recorded job. Results of other jobs below the folder
 * and answers to single objects do not count, since they stay. Files of the operating system do not count either.
 *
 * @param name - the folder's path below the pipeline's.
 * @returns the path of the first such file; undefined if a job can use the folder.
 */
export async function findForeign(contents: FolderContents, name: string): Promise<string | undefined> {
  const jobFolders = new Map<string, boolean>();
  const isJobFolder = async (folder: string): Promise<boolean> => {
    const known = jobFolders.get(folder);
    if (known !== undefined) return known;
    // Results of another job there would be mixed with the failures of this one.
    const canBeJobs = folder.includes('/') || !isErrorsFolder(folder);
    const isOne = canBeJobs && (await holdsPlan(folder, contents));
    jobFolders.set(folder, isOne);
    return isOne;
  };
  for await (const path of contents.paths) {
    if (isHarmless(path)) continue;
    let isOfOtherJob = false;
    for (const folder of foldersAbove(path)) isOfOtherJob ||= await isJobFolder(folder);
    if (isOfOtherJob || (await isAnswer(path, name, contents))) continue;
    return path;
  }
  return undefined;
}

async function holdsPlan(folder: string, contents: FolderContents): Promise<boolean> {
  for (const { job } of ALL_FOLDER_NAMES)
    if (parseJob((await contents.text(`${folder}/${job}`)) ?? '') !== undefined) return true;
  return false;
}

function isHarmless(path: string): boolean {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return SYSTEM_FILES.has(file) || (TEMPORARY_SUFFIX.test(path) && isResultPath(path.replace(TEMPORARY_SUFFIX, '')));
}

async function isAnswer(path: string, name: string, contents: FolderContents): Promise<boolean> {
  if (!path.endsWith(ANSWER_SUFFIX)) return false;
  const head = answerHead(looseId(`${name}/${path.slice(0, -ANSWER_SUFFIX.length)}`));
  return (await contents.start(path, Buffer.byteLength(head))) === head;
}

/** Returns the id of an object that is a single element. */
export function looseId(name: string): string {
  return `${name}#0`;
}

/** Distinguishes a file of the fabric from other files by its start. */
export async function ownState(head: string, start: (bytes: number) => Promise<string | undefined>): Promise<OwnState> {
  const there = await start(Buffer.byteLength(head));
  if (there === undefined) return 'absent';
  return there === head ? 'own' : 'foreign';
}

export function foreignFolder(folder: string, path: string): InputError {
  return path === ''
    ? foreignFile(folder)
    : new InputError(
        `${folder} contains files that fabric did not write, such as '${path}': choose another '--output', or move them`,
      );
}

export function foreignFile(path: string): InputError {
  return new InputError(`${path} is a file that fabric did not write: choose another '--output', or move it`);
}
