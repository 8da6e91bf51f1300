import { type ErrorDescription, FabricError } from '../../errors.ts';
import { isS3Uri } from '../../stores/open-source.ts';
import { isMissing, systemReason } from '../../stores/system-errors.ts';
import type { Job } from '../job.ts';
import { inputId } from './plan-job.ts';

/** Codes of errors during a run that mean that a job's source can't be read, or not as it was planned. */
const LOST_CODES: ReadonlySet<string> = new Set([
  'ELEMENT_NOT_READ',
  'SOURCE_CHANGED',
  'SOURCE_GONE',
  'SOURCE_NOT_A_FILE',
  'SOURCE_UNREADABLE',
]);

/** Names of element failures for these codes; any other error keeps its own name. */
const LOSS_NAMES: Readonly<Record<string, string>> = {
  SOURCE_CHANGED: 'SourceChanged',
  SOURCE_GONE: 'SourceGone',
  SOURCE_NOT_A_FILE: 'SourceNotAFile',
  SOURCE_UNREADABLE: 'SourceUnreadable',
};

/** The source of a job was changed during the run, so it no longer matches the plan. */
export class SourceChangedError extends FabricError {
  override readonly name = 'SourceChanged';
  constructor(uri: string) {
    super('SOURCE_CHANGED', `Cannot read ${uri}: it was changed while the run read it`);
  }
}

/** Returns whether an error means that a bundle of a job can't be read as it was planned. */
export function isSourceLost(error: unknown): error is FabricError {
  return error instanceof FabricError && LOST_CODES.has(error.code);
}

/**
 * Makes sure that a file still has the size and modification time that were planned. Objects of S3 are read by their
 * version, and staged data can't change.
 *
 * @throws FabricError `SOURCE_GONE` or `SOURCE_CHANGED` if it has not.
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
    const isGone = isMissing(error);
    const why = isGone ? 'there is no such file' : systemReason(error);
    const code = isGone ? 'SOURCE_GONE' : 'SOURCE_UNREADABLE';
    throw new FabricError(code, `Cannot read ${uri}: ${why}`, { cause: error });
  }
}

/** Describes an error for a manifest, with the name that failures of elements have for it. */
export function describeLoss(error: FabricError): ErrorDescription {
  return { name: LOSS_NAMES[error.code] ?? error.name, message: error.message };
}
