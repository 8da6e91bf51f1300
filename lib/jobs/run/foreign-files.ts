import { parseJob } from '../job.ts';
import { answerHead, isResultPath } from '../output-layout.ts';
import { InputError } from './run-input.ts';

/** Files of a folder or objects of a prefix, by their paths below it. */
export interface FolderContents {
  readonly paths: AsyncIterable<string>;
  /** Reads a whole small file; undefined where it is gone. */
  text(path: string): Promise<string | undefined>;
  /** Reads the first `bytes` bytes of a file. */
  start(path: string, bytes: number): Promise<string | undefined>;
}

/** Tells what is in the place of a file that the fabric writes by itself: an answer, or an explanation. */
export type OwnState = 'absent' | 'own' | 'foreign';

/** Files that an operating system leaves in folders that somebody looked at. */
const SYSTEM_FILES: ReadonlySet<string> = new Set(['.DS_Store', 'Thumbs.db', 'desktop.ini']);
const TEMPORARY_SUFFIX = /\.\d+\.tmp$/;

/** An answer's path: its file name ends so. */
const ANSWER_SUFFIX = '.json';
/** Where a job's errors go: another job's results there would be mixed with them. */
const ERRORS = 'errors';

/**
 * Finds a file that the fabric did not write in a folder which has no recorded job. Results of other jobs below the folder
 * and answers to single objects stay where they are, so they do not count; nor do files of the operating system.
 *
 * @param name - the folder's path below the pipeline's.
 * @returns the path of the first such file; undefined where a job can have the folder.
 */
export async function findForeign(contents: FolderContents, name: string): Promise<string | undefined> {
  const jobFolders = new Map<string, boolean>();
  const isJobFolder = async (folder: string): Promise<boolean> => {
    const known = jobFolders.get(folder);
    if (known !== undefined) return known;
    const isOne = folder !== ERRORS && parseJob((await contents.text(`${folder}/job.json`)) ?? '') !== undefined;
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

function isHarmless(path: string): boolean {
  const file = path.slice(path.lastIndexOf('/') + 1);
  return SYSTEM_FILES.has(file) || (TEMPORARY_SUFFIX.test(path) && isResultPath(path.replace(TEMPORARY_SUFFIX, '')));
}

/** The folders that a path lies in: of `a/b/c`, `a` and `a/b`. */
function foldersAbove(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'));
}

async function isAnswer(path: string, name: string, contents: FolderContents): Promise<boolean> {
  if (!path.endsWith(ANSWER_SUFFIX)) return false;
  const head = answerHead(looseId(`${name}/${path.slice(0, -ANSWER_SUFFIX.length)}`));
  return (await contents.start(path, Buffer.byteLength(head))) === head;
}

/** The id of an object that is one element by itself. */
export function looseId(name: string): string {
  return `${name}#0`;
}

/** Tells a file of the fabric from another one, by the start of what is there. */
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
