import { LINES_SUFFIX } from '../formats/parts/json-lines.ts';
import { DEFAULT_PART_FORMAT, partSuffixes, partWriter } from '../formats/parts/part-formats.ts';
import type { PartFormat } from '../formats/parts/part-writer.ts';

const MIN_DIGITS = 5;

/** First words in the names of a bundle's files. */
export type PartKind = 'part' | 'errors';

/** Names of the files and folders in a job's folder. */
export interface FolderNames {
  /** Recorded plan. */
  readonly job: string;
  readonly manifest: string;
  /** Folder with the failures of each bundle. */
  readonly errors: string;
  /** First word in the names of the files in that folder. */
  readonly errorsKind: PartKind;
}

/**
 * Names in the folder of a new job. Tools that read a folder as a data set ignore names that start with `_`, and
 * `**\/part-*` matches results only.
 */
export const FOLDER_NAMES: FolderNames = {
  job: '_job.json',
  manifest: '_manifest.json',
  errors: '_errors',
  errorsKind: 'errors',
};

/** Names in the folders of earlier versions. Such a folder keeps them, so it never mixes files of both kinds. */
export const EARLIER_NAMES: FolderNames = {
  job: 'job.json',
  manifest: 'manifest.json',
  errors: 'errors',
  errorsKind: 'part',
};

/** All names that a folder can have, in the order in which they are looked for. */
export const ALL_FOLDER_NAMES = [FOLDER_NAMES, EARLIER_NAMES] as const;

/** Empty file that completes the results of a job. */
export const SUCCESS_FILE = '_SUCCESS';

const NUMBERS = String.raw`\d+-of-\d+`;
const PART_SUFFIX = `(?:${partSuffixes().map(escaped).join('|')})`;
const PART_NAME = new RegExp(`^part-${NUMBERS}${PART_SUFFIX}$`);
const OWN_PATHS = new Map(ALL_FOLDER_NAMES.map((names) => [names, ownPathsOf(names)]));
const OWN_SUFFIXES = ['.json', LINES_SUFFIX, ...partSuffixes()];

function escaped(name: string): string {
  return name.replaceAll('.', String.raw`\.`);
}

function ownPathsOf({ job, manifest, errors, errorsKind }: FolderNames): RegExp {
  const errorsFile = `${errors}/${errorsKind}-${NUMBERS}${escaped(LINES_SUFFIX)}`;
  const part = `part-${NUMBERS}${PART_SUFFIX}`;
  return new RegExp(`^(?:${[SUCCESS_FILE, part, escaped(job), escaped(manifest), errorsFile].join('|')})$`);
}

/**
 * Returns whether a path below a job's folder is one of its results. The fabric owns no other files there.
 *
 * @param names - the names of that folder: a file with a name that only other folders have is somebody's. @default any
 */
export function isResultPath(path: string, names?: FolderNames): boolean {
  return [...OWN_PATHS].some(([of, paths]) => (names === undefined || of === names) && paths.test(path));
}

/** Returns whether a file in a folder of results can be one that the fabric writes, by the end of its name. */
export function isWrittenName(name: string): boolean {
  return name === SUCCESS_FILE || OWN_SUFFIXES.some((suffix) => name.endsWith(suffix));
}

/** Returns whether the last segment of a path is the name of the folder of a job's failures. */
export function isErrorsFolder(path: string): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return ALL_FOLDER_NAMES.some(({ errors }) => errors === name);
}

/** Returns the number of a bundle and the number of bundles, with as many digits as that has, at least five. */
function numbersOf(bundle: number, of: number): string {
  const digits = Math.max(MIN_DIGITS, String(of).length);
  const padded = (value: number): string => String(value).padStart(digits, '0');
  return `${padded(bundle)}-of-${padded(of)}`;
}

/** Returns the name of a bundle's part without its suffix: the start of the names of all that is staged for it. */
export function bundleName(bundle: number, of: number): string {
  return `part-${numbersOf(bundle, of)}`;
}

/** Returns the name of a bundle's part. */
export function partName(bundle: number, of: number, format: PartFormat = DEFAULT_PART_FORMAT): string {
  return bundleName(bundle, of) + partWriter(format).suffix;
}

/** Returns the path of a bundle's failures below the job's folder. */
export function errorsPath(bundle: number, of: number, { errors, errorsKind }: FolderNames): string {
  return `${errors}/${errorsKind}-${numbersOf(bundle, of)}${LINES_SUFFIX}`;
}

/** Returns whether a file name is that of a part. */
export function isPartName(name: string): boolean {
  return PART_NAME.test(name);
}

export interface BundleFiles {
  /** Number of bundles of the job. */
  readonly of: number;
  /** First word of the names. @default 'part' */
  readonly kind?: PartKind;
  /** End of the names, with its dot. @default that of JSON lines */
  readonly suffix?: string;
}

/** Returns the bundle that a file with this name belongs to; undefined if no bundle of the job has such a file. */
export function bundleOfPart(
  name: string,
  { of, kind = 'part', suffix = LINES_SUFFIX }: BundleFiles,
): number | undefined {
  const bundle = Number(/^[a-z]+-(\d+)-of-/.exec(name)?.[1]);
  const isNumber = Number.isSafeInteger(bundle) && bundle < of;
  return isNumber && name === `${kind}-${numbersOf(bundle, of)}${suffix}` ? bundle : undefined;
}
