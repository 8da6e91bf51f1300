import { dirname, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MODULE_EXTENSION } from './program-url.ts';

/** The folder of this package's programs, and its subfolders: code in them is not the user's. */
const ROOMS = ['lib', 'cli', 'functions', 'cdk', 'dist'];
const LIBRARIES = `${sep}node_modules${sep}`;

/** A place in a file: `/app/pre.ts:4:19`. */
const PLACE = /^(.+):(\d+):(\d+)$/s;

/** Errors that wrap one another; the innermost may be the user's. */
const MAX_CAUSES = 5;

/**
 * Finds the first place in the user's own code that an error's stack names: an absolute path, line and column. Node's
 * internals, libraries and this package's files are skipped; an error thrown there gets the place of its caller.
 * Returns undefined if neither its stack nor that of a cause names one, or if the value is not an error.
 */
export function placeOf(thrown: unknown): string | undefined {
  let error = thrown;
  for (let depth = 0; depth < MAX_CAUSES && error instanceof Error; depth += 1) {
    const place = placeInStack(error);
    if (place !== undefined) return place;
    error = error.cause;
  }
  return undefined;
}

function placeInStack({ stack, message }: Error): string | undefined {
  if (typeof stack !== 'string') return undefined;
  // A message may contain lines that look like frames.
  const start = typeof message === 'string' && message !== '' ? stack.indexOf(message) + message.length : 0;
  for (let at = stack.indexOf('\n    at ', start); at >= 0; at = stack.indexOf('\n    at ', at + 1)) {
    const end = stack.indexOf('\n', at + 1);
    const place = placeInFrame(stack.slice(at + '\n    at '.length, end < 0 ? undefined : end));
    if (place !== undefined) return place;
  }
  return undefined;
}

/** The parts of a place. */
export function splitPlace(place: string): { readonly path: string; readonly position: string } {
  const [, path = place, line = '1', column = '1'] = PLACE.exec(place) ?? [];
  return { path, position: `${line}:${column}` };
}

/** @param frame - `parse (file:///app/pre.ts:4:19)`, `async file:///…:4:19`, or one without a file. */
function placeInFrame(frame: string): string | undefined {
  const location = frame.endsWith(')')
    ? frame.slice(frame.indexOf(' (') + ' ('.length, -1)
    : frame.replace(/^async /, '');
  const [, file, line, column] = PLACE.exec(location) ?? [];
  if (file === undefined || file.includes('<anonymous>')) return undefined;
  const path = pathOf(file);
  return path !== undefined && isUserFile(path) ? `${path}:${line}:${column}` : undefined;
}

/** Returns a file's path; undefined for modules that are not files: `node:fs`, `data:…`. */
function pathOf(file: string): string | undefined {
  if (!file.startsWith('file:')) return /^(?:\/|[A-Za-z]:[\\/])/.test(file) ? file : undefined;
  try {
    return fileURLToPath(file);
  } catch {
    return undefined;
  }
}

const ownModule = fileURLToPath(import.meta.url);
const ownRoot = dirname(dirname(ownModule));
/** True in a deployed program, which is one bundle with the user's code: paths do not show whose code a place is in. */
const isDeployed = MODULE_EXTENSION === '.mjs';
const ownFolders = ROOMS.map((room) => `${ownRoot}${sep}${room}${sep}`);
/** The project that this package is installed in may itself be in a folder of libraries. */
const project = ownRoot.slice(0, Math.max(0, ownRoot.lastIndexOf(LIBRARIES)));

function isUserFile(path: string): boolean {
  if (isDeployed || ownFolders.some((folder) => path.startsWith(folder))) return false;
  const below = project !== '' && path.startsWith(project + sep) ? path.slice(project.length) : path;
  return !below.includes(LIBRARIES);
}
