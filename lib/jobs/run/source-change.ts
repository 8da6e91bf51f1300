import { type ErrorDescription, FabricError } from '../../errors.ts';
import { isS3Uri } from '../../stores/open-source.ts';
import { codeOf, systemReason } from '../../stores/system-errors.ts';
import type { Job } from '../job.ts';
import { inputId } from './plan-job.ts';

/** Codes of errors that say, in mid-run, that what a job reads can't be read, or not as it was planned. */
const LOST_CODES: ReadonlySet<string> = new Set([
  'ELEMENT_NOT_READ',
  'SOURCE_CHANGED',
  'SOURCE_GONE',
  'SOURCE_NOT_A_FILE',
  'SOURCE_UNREADABLE',
]);

/** Names that failures of elements have for the codes; any other error has its own name. */
const LOSS_NAMES: Readonly<Record<string, string>> = {
  SOURCE_CHANGED: 'SourceChanged',
  SOURCE_GONE: 'SourceGone',
  SOURCE_NOT_A_FILE: 'SourceNotAFile',
  SOURCE_UNREADABLE: 'SourceUnreadable',
};

/** The source of a job was changed in mid-run: what is read of it now is of no plan. */
export class SourceChangedError extends FabricError {
  override readonly name = 'SourceChanged';
  constructor(uri: string) {
    super('SOURCE_CHANGED', `Cannot read ${uri}: it was changed while the run read it`);
  }
}

/** Whether an error means that a bundle of a job can't be read as it was planned. */
export function isSourceLost(error: unknown): error is FabricError {
  return error instanceof FabricError && LOST_CODES.has(error.code);
}

/**
 * Makes sure that a file is still the one that was planned: its size and modification time are. Objects of S3 are read by
 * their version, and what was staged can't change.
 *
 * @throws FabricError `SOURCE_GONE` or `SOURCE_CHANGED` where it is not.
 */
export async function expectUnchanged({ id, pipeline, name, source, plan }: Job): Promise<void> {
  const { uri, limit } = source;
  if (plan.kind !== 'object' || plan.chunked || isS3Uri(uri)) return;
  const now = await idNow({ uri, name, pipeline, limit });
  if (now !== id) throw new SourceChangedError(uri);
}

async function idNow(of: {
  readonly uri: string;
  readonly name: string;
  readonly pipeline: string;
  readonly limit: number | undefined;
}): Promise<string> {
  const { uri, name, pipeline, limit } = of;
  try {
    return await inputId({ kind: 'object', uri, name }, { pipelineName: pipeline, limit });
  } catch (error) {
    const isGone = ['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '');
    const why = isGone ? 'there is no such file' : systemReason(error);
    const code = isGone ? 'SOURCE_GONE' : 'SOURCE_UNREADABLE';
    throw new FabricError(code, `Cannot read ${uri}: ${why}`, { cause: error });
  }
}

/** An error as a manifest states it, by the name that elements' failures have for it. */
export function describeLoss(error: FabricError): ErrorDescription {
  return { name: LOSS_NAMES[error.code] ?? error.name, message: error.message };
}
