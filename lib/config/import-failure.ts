import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { splitPlace } from '../code-place.ts';
import { describeThrown } from '../errors.ts';

/** Node's output for a syntax error, before its stack: the file and line, the line, and a mark below the column. */
const MARKED = /^(?!node:)(?<file>\S.*):(?<line>\d+)\r?\n[^\n]*\n(?<before>[ \t]*)\^/;
/** Node does not expose the place of a syntax error in JavaScript, except in a program that ends because of it. */
const CHECK_SECS = 10;

/** Explains why a module can't be imported, with the file, line and column if they are known. */
export async function importFailure(thrown: unknown, path: string): Promise<string> {
  const { message, at } = describeThrown(thrown);
  const isSyntax = thrown instanceof SyntaxError;
  const marked = isSyntax ? markedPlace(thrown.stack ?? '') : undefined;
  const place =
    marked ?? (at === undefined ? undefined : named(at)) ?? (isSyntax ? await checkedPlace(path) : undefined);
  return place === undefined ? message : `${place}: ${message}`;
}

function named(at: string): string {
  const { path, position } = splitPlace(at);
  return `${basename(path)}:${position}`;
}

function markedPlace(text: string): string | undefined {
  const { file, line, before } = MARKED.exec(text)?.groups ?? {};
  if (file === undefined || before === undefined) return undefined;
  return `${basename(decodeName(file))}:${line}:${before.length + 1}`;
}

/** Decodes the file's name, which is encoded in a URL. */
function decodeName(file: string): string {
  if (!file.startsWith('file:')) return file;
  try {
    return decodeURIComponent(file);
  } catch {
    return file;
  }
}

/** Finds the place that Node prints when it checks the file's own syntax. */
async function checkedPlace(path: string): Promise<string | undefined> {
  try {
    await promisify(execFile)(process.execPath, ['--check', path], { timeout: CHECK_SECS * 1000 });
    return undefined;
  } catch (error) {
    return markedPlace((error as { readonly stderr?: string }).stderr ?? '');
  }
}
