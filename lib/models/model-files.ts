import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isS3Uri } from '../stores/open-source.ts';
import { pathOfFileUrl } from './file-url.ts';
import type { FileSelection } from './folder-files.ts';

/** Options of {@link ModelFiles}. */
export interface ModelFilesOptions {
  /**
   * Returns the path of the files on this machine. With it the engine neither fetches the files nor looks for new
   * versions of them.
   *
   * @default the engine fetches the files
   */
  readonly localPath?: () => Promise<string>;
  /** Files of a folder that are the model's. @default all of them */
  readonly select?: FileSelection;
}

/**
 * The files that a handler loads its model from: a file or a folder, on disk or in S3. A handler that has them as its
 * `modelFiles` gets what the built-in handlers get: the engine fetches the files before a copy of the model loads,
 * looks for new versions with `refreshSecs`, names their digest in results, and `cdk deploy` ships or grants them.
 */
export class ModelFiles {
  /** Address of the files, as the config has it. */
  readonly modelUri: string;
  readonly #options: ModelFilesOptions;
  #base: URL | undefined;
  #localPath: Promise<string> | undefined;

  /**
   * @param modelUri - a path relative to the config file, a `file:` URL, or `s3://<bucket>/<object key>`, of a file, of a
   *   folder (in S3 it ends with `/`), or of a pointer (it ends with `.json`) to one of these
   * @throws TypeError if it is not a string, or empty.
   */
  constructor(modelUri: string, options: ModelFilesOptions = {}) {
    if (typeof modelUri !== 'string' || modelUri === '') {
      throw new TypeError(
        `Cannot create ModelFiles as 'modelUri' must be a path, a file: URL or an s3:// URI: current value is ${modelUri}`,
      );
    }
    this.modelUri = modelUri;
    this.#options = options;
  }

  /** Resolved address: an `s3://` URI, or a path, which is absolute once the config is loaded. */
  get uri(): string {
    const { modelUri } = this;
    if (isS3Uri(modelUri)) return modelUri;
    if (modelUri.startsWith('file:')) return pathOfFileUrl(modelUri, 'Cannot load the model');
    return this.#base === undefined ? modelUri : resolve(fileURLToPath(new URL('.', this.#base)), modelUri);
  }

  /** Selects the files of a folder that are the model's; undefined for all. */
  get select(): FileSelection | undefined {
    return this.#options.select;
  }

  /** True if the engine fetches the files and looks for new versions of them. */
  get isFetched(): boolean {
    return this.#options.localPath === undefined;
  }

  /** Makes a relative path relative to the folder of this URL, the config's. */
  resolve(base: URL): void {
    this.#base = base;
  }

  /** Returns the path of the file or folder on this machine, for `loadModel`. @throws ModelLoadError if it can't be fetched */
  localPath(): Promise<string> {
    this.#localPath ??= this.#options.localPath?.() ?? this.#fetch();
    return this.#localPath;
  }

  /** Sets the path on this machine, in a model host, before the model loads: the engine fetched this version to it. */
  useLocalPath(path: string): void {
    this.#localPath = Promise.resolve(path);
  }

  /** Fetches the files without an engine. A model host never does, and so imports no store. */
  async #fetch(): Promise<string> {
    const { ModelStore } = await import('./model-store.ts');
    const { select } = this;
    const options = { inPlace: true, ...(select === undefined ? {} : { select }) };
    return (await new ModelStore().acquire(this.uri, options)).path;
  }
}
