import { FOLDER_NAMES, SUCCESS_FILE } from '../../lib/jobs/part-names.ts';
import { codeOf, systemReason } from '../../lib/stores/system-errors.ts';

/** Advice to the user, by the code of the system's error. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: 'free some space',
  EDQUOT: 'free some space',
  EACCES: 'make the folder writable',
  EPERM: 'make the folder writable',
  EROFS: "choose another '--output'",
  ENAMETOOLONG: "choose a shorter '--output', or rename the input",
  EISDIR: 'move the folder that has its name',
  ENOTEMPTY: 'move the folder that has its name',
  ENOTDIR: 'move the file that has the name of its folder',
  EEXIST: 'move the file that has the name of its folder',
};

/** Returns why an object of the output bucket can't be written to the results folder, and what to do. */
export function describeUnwritten(key: string, error: Error, folder: string): string {
  const code = codeOf(error) ?? '';
  // Other errors contain their advice.
  const advice = ADVICE[code] === undefined ? '' : `: ${ADVICE[code]}`;
  const reason = ['ENOTDIR', 'EEXIST'].includes(code) ? 'a folder in its path is a file' : systemReason(error);
  return `${key} can't be written to ${folder}: ${reason}${advice}. Until then, its job has no ${FOLDER_NAMES.manifest} and no ${SUCCESS_FILE} there`;
}
