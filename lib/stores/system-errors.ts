/** Texts for the common system errors; for others, the code is shown. */
const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not there',
  ENAMETOOLONG: 'its name or path is too long for the file system',
  ELOOP: 'its links lead back to themselves',
  EISDIR: 'it is a folder',
  ENOSPC: 'the disk is full (ENOSPC)',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EIO: 'the disk reports an input/output error (EIO)',
};

/** Returns why a system call failed, without the path, which the caller names. */
export function systemReason(error: unknown): string {
  const code = codeOf(error);
  if (code === undefined) return error instanceof Error ? error.message : String(error);
  return WORDS[code] ?? `the system reports ${code}`;
}

/** Checks whether a path does not exist: the file is missing, or a folder of the path is a file. */
export function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
}

/** Returns the code of an error of Node.js, such as `ENOENT`. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
