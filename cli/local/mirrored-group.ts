import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { jobKey, manifestKey } from '../../lib/jobs/output-layout.ts';
import { codeOf } from '../../lib/stores/system-errors.ts';
import { isPlanOf, type MirroredFiles } from './mirrored-files.ts';
import { endKeys, hasToWait, inWriteOrder, resultsIn } from './result-keys.ts';
import type { StagedObjects } from './staged-objects.ts';

export interface GroupContext {
  readonly files: MirroredFiles;
  /** Returns the path of an object's file, or of a job's folder. */
  readonly pathOf: (key: string) => string;
  /** Opens the temporary files of one attempt to write. */
  readonly stage: () => StagedObjects;
  readonly onMirrored: (key: string, path: string) => void | Promise<void>;
  /** Called once for each reason, with the first of the objects that can't be written for it. */
  readonly onError: (key: string, error: Error) => void;
}

/** Number of failures after which an attempt ends: most have the same reason, such as a full disk. */
const MAX_FAILURES = 8;

/**
 * The results of one job, or a single object, while some of its changes are not in the folder yet.
 *
 * Results are written in a fixed order: plan, parts and errors, manifest, `_SUCCESS`. While one of them can't be
 * written, those after it are held back, and removed if they were there.
 */
export class MirroredGroup {
  /** Folder of the job, `<pipeline>/<anything>`, or key of the object. */
  readonly name: string;
  readonly #context: GroupContext;
  /** Pending keys, each with the reason that it could not be written. */
  readonly #pending = new Map<string, string | undefined>();
  /** Reasons that were reported. A full disk fails thousands of parts. */
  readonly #reported = new Set<string>();
  /** True while the folder keeps the results of an earlier session, until those of this one are complete. */
  #keepsEarlier = false;
  #failures = 0;

  constructor(name: string, context: GroupContext) {
    this.name = name;
    this.#context = context;
  }

  /** True if nothing is pending. */
  get isDone(): boolean {
    return this.#pending.size === 0;
  }

  /** Number of files that are not written. */
  get missing(): number {
    return this.#pending.size;
  }

  /** True if something could not be written. */
  get hasFailed(): boolean {
    return this.#failures > 0;
  }

  /** Writes an object that changed. After a failure, other pending objects are not tried. */
  async change(key: string): Promise<void> {
    const isAlone = this.hasFailed;
    if (!this.#pending.has(key)) this.#pending.set(key, undefined);
    if (isAlone && this.#keepsEarlier) return;
    await this.#write(isAlone ? [key] : [...this.#pending.keys()]);
  }

  /** Writes everything that is pending. */
  retry(): Promise<void> {
    return this.#write([...this.#pending.keys()]);
  }

  async #write(keys: readonly string[]): Promise<void> {
    await using staged = this.#context.stage();
    if (!this.#keepsEarlier && keys.includes(jobKey(resultsIn(this.name))) && !(await this.#claim(staged))) return;
    if (!this.#keepsEarlier) await this.#writeInOrder(keys, staged);
    else if (this.#pending.has(manifestKey(resultsIn(this.name))) && (await this.#replaceEarlier(staged)))
      await this.#writeInOrder([...this.#pending.keys()], staged);
  }

  /** Claims the folder for the job whose plan is pending. Returns false if that is not possible. */
  async #claim(staged: StagedObjects): Promise<boolean> {
    const { files, pathOf } = this.#context;
    const key = jobKey(resultsIn(this.name));
    return this.#attempt(key, async () => {
      const plan = await staged.fetch(key);
      if (plan === undefined || files.has(pathOf(key)) || !(await isPlanOf(this.name, plan))) return;
      const below = this.name.slice(this.name.indexOf('/') + 1);
      this.#keepsEarlier = await files.claim(pathOf(this.name), below);
    });
  }

  /** Removes the results of an earlier session when those of this one are on disk. Returns false if they are not. */
  async #replaceEarlier(staged: StagedObjects): Promise<boolean> {
    for (const key of inWriteOrder(this.name, this.#pending.keys()))
      if (!(await this.#attempt(key, () => staged.fetch(key)))) return false;
    const { files, pathOf } = this.#context;
    // A file that is not replaced is removed, like the file of an object that was removed.
    for (const path of await files.adopt(pathOf(this.name))) {
      const key = join(this.name, path);
      if (!this.#pending.has(key)) this.#pending.set(key, undefined);
    }
    this.#keepsEarlier = false;
    await this.#withdrawEnd();
    return true;
  }

  async #writeInOrder(keys: readonly string[], staged: StagedObjects): Promise<void> {
    let failures = 0;
    for (const key of inWriteOrder(this.name, keys)) {
      if (hasToWait(this.name, key, this.#pending)) continue;
      const isPlaced = await this.#attempt(key, () => this.#place(key, staged));
      if (isPlaced) this.#pending.delete(key);
      else failures += 1;
      if (failures >= MAX_FAILURES) return;
    }
  }

  /** Writes one object to its file, or removes its file. */
  async #place(key: string, staged: StagedObjects): Promise<void> {
    const { files, pathOf, onMirrored } = this.#context;
    const path = pathOf(key);
    const written = await staged.fetch(key);
    if (written === undefined) return files.remove(path);
    await files.makeRoom(path, written);
    await rename(written, path);
    files.add(path);
    await onMirrored(key, path);
  }

  /** Runs a step for a key. Returns false if it failed, which is reported. */
  async #attempt(key: string, step: () => Promise<unknown>): Promise<boolean> {
    try {
      await step();
      this.#note(key, undefined);
      return true;
    } catch (error) {
      const reason = codeOf(error) ?? (error as Error).message;
      this.#note(key, reason);
      if (!this.#reported.has(reason)) this.#context.onError(key, error as Error);
      this.#reported.add(reason);
      if (!this.#keepsEarlier && !endKeys(this.name).includes(key)) await this.#withdrawEnd();
      return false;
    }
  }

  #note(key: string, reason: string | undefined): void {
    if (this.#pending.get(key) !== undefined) this.#failures -= 1;
    if (reason !== undefined) this.#failures += 1;
    // Last, so that a later attempt begins with another key.
    this.#pending.delete(key);
    this.#pending.set(key, reason);
  }

  /** Removes `_SUCCESS` and the manifest, until they are written again. */
  async #withdrawEnd(): Promise<void> {
    const { files, pathOf } = this.#context;
    for (const key of endKeys(this.name))
      if (files.has(pathOf(key))) await this.#attempt(key, () => files.remove(pathOf(key)));
  }
}
