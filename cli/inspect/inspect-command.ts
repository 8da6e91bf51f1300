import { pathToFileURL } from 'node:url';
import { inspectOnnx, type InspectedModel } from '../../lib/models/inspect-onnx.ts';
import { ModelFiles } from '../../lib/models/model-files.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { exitStatusOf } from '../exit-status-of.ts';
import { terminalWidth } from '../format/text.ts';
import { inspectReport } from './inspect-report.ts';

export interface InspectOptions {
  readonly json?: boolean;
}

/** `fabric inspect`. */
export function inspectCommand(model: string, { json = false }: InspectOptions): Promise<ExitStatus> {
  return exitStatusOf(async () => {
    const inspected = await inspectModel(model);
    console.log(json ? JSON.stringify(inspected) : inspectReport(inspected, terminalWidth()));
    return inspected.refused === undefined ? EXIT.success : EXIT.failure;
  });
}

/**
 * Inspects the model at a path, a `file:` URL or an `s3://` URI; one in S3 is fetched first.
 *
 * @throws ModelLoadError if there is no such model, or it is of an unknown kind.
 */
export async function inspectModel(model: string): Promise<InspectedModel> {
  // onnxruntime reports to its maker, unless this is set before it is loaded.
  process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
  const files = new ModelFiles(model);
  files.resolve(pathToFileURL(`${process.cwd()}/`));
  return inspectOnnx(await files.localPath(), model);
}
