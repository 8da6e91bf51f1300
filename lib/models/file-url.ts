import { fileURLToPath } from 'node:url';
import { ModelLoadError } from '../errors.ts';

/**
 * Returns the path that a `file:` URL of a model names.
 *
 * @param problem - start of the error message, such as `Cannot follow the pointer /models/current.json`.
 * @throws ModelLoadError if the URL is malformed, or names a file of another machine.
 */
export function pathOfFileUrl(url: string, problem: string): string {
  try {
    return fileURLToPath(url);
  } catch (error) {
    const rule = "'modelUri' must be a valid file: URL, such as file:///models/model.onnx";
    throw new ModelLoadError(`${problem} as ${rule}: it is '${url.slice(0, MAX_SHOWN)}'`, { cause: error });
  }
}

const MAX_SHOWN = 200;
