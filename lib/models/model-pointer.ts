import { dirname, isAbsolute, join, posix } from 'node:path';
import { z } from 'zod';
import { ModelLoadError } from '../errors.ts';
import type { StoreOptions } from '../stores/object-store.ts';
import { isS3Uri, parseS3Uri, s3Uri } from '../stores/open-source.ts';
import { pathOfFileUrl } from './file-url.ts';
import type { ModelReader } from './model-reader.ts';
import { isPointer } from './pointer-uri.ts';

/** Limit far above the size of any pointer. */
const MAX_POINTER_BYTES = 64 * 1024;

const pointer = z.object({ modelUri: z.string('must be a string').min(1, 'must not be empty') }, 'must be an object');

/** Returns the URI that a pointer contains now. @throws ModelLoadError if it can't be read, or has no URI */
export async function readPointer(uri: string, files: ModelReader, options: StoreOptions = {}): Promise<string> {
  const file = await files.find(uri, uri, options);
  if (file.byteLength > MAX_POINTER_BYTES) {
    const limit = `a pointer has at most ${MAX_POINTER_BYTES} bytes, and it has ${file.byteLength}`;
    throw new ModelLoadError(`Cannot follow the pointer ${uri} as ${limit}`);
  }
  const chunks: Buffer[] = [];
  for await (const chunk of files.read(file, options)) chunks.push(Buffer.from(chunk));
  return targetOfPointer(Buffer.concat(chunks).toString('utf8'), uri);
}

/**
 * Returns the URI in a pointer, `{ "modelUri": "v7/model.onnx" }`: a path relative to the pointer itself, an `s3://` URI, or
 * in a file an absolute path or a `file:` URL. Other fields are ignored.
 *
 * @param uri - the pointer's: an absolute path, or `s3://…`
 * @throws ModelLoadError if it is not such JSON, or points to another pointer.
 */
export function targetOfPointer(text: string, uri: string): string {
  const result = pointer.safeParse(parseJson(text, uri));
  if (!result.success) {
    const [issue] = result.error.issues;
    const path = issue === undefined || issue.path.length === 0 ? 'it' : `'${issue.path.join('.')}'`;
    throw new ModelLoadError(`Cannot follow the pointer ${uri} as ${path} ${issue?.message ?? 'is invalid'}`);
  }
  const { modelUri } = result.data;
  if (isPointer(modelUri)) {
    throw new ModelLoadError(`Cannot follow the pointer ${uri} as it points to another pointer: ${shown(modelUri)}`);
  }
  if (isS3Uri(modelUri)) return modelUri;
  return isS3Uri(uri) ? besideObject(modelUri, uri) : besideFile(modelUri, uri);
}

function parseJson(text: string, uri: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new ModelLoadError(`Cannot follow the pointer ${uri} as it is not JSON`, { cause: error });
  }
}

function besideObject(target: string, uri: string): string {
  const { bucket, key } = parseS3Uri(uri) ?? { bucket: '', key: '' };
  const place = posix.join(posix.dirname(key), target);
  const leaves = place === '..' || place.startsWith('../');
  if (!leaves && !isAbsolute(target) && !target.startsWith('file:')) return s3Uri(bucket, place);
  const rule = "'modelUri' must be s3://… or relative to it";
  throw new ModelLoadError(`Cannot follow the pointer ${uri} as ${rule}: it is '${shown(target)}'`);
}

function besideFile(target: string, path: string): string {
  if (target.startsWith('file:')) return pathOfFileUrl(target, `Cannot follow the pointer ${path}`);
  return isAbsolute(target) ? target : join(dirname(path), target);
}

function shown(target: string): string {
  return target.slice(0, 200);
}
