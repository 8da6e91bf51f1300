import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readSettings } from './model-settings.ts';
import type { HuggingFaceTask } from './pipeline-options.ts';

/** Tasks of heads, by the end of the name of a model's architecture. */
const TASK_OF_HEAD: readonly (readonly [suffix: string, task: HuggingFaceTask])[] = [
  ['ForSequenceClassification', 'text-classification'],
  ['ForTokenClassification', 'token-classification'],
  ['ForImageClassification', 'image-classification'],
];

/** Architectures without a head; `GPT2LMHeadModel` has one. */
const HEADLESS = /(?<!Heads?)Model$/;

/** The task that a model folder is made for, and the architecture that decides it. */
export interface FolderTask {
  readonly architecture: string | undefined;
  /** Undefined if the architecture has a head for no known task. */
  readonly task: HuggingFaceTask | undefined;
}

/** Finds the task of a model folder by its configuration. @throws ModelLoadError if it has none that can be read */
export async function folderTask(folder: string): Promise<FolderTask> {
  const { config } = await readSettings(folder);
  const { architectures } = config;
  const [first] = Array.isArray(architectures) ? (architectures as readonly unknown[]) : [];
  const architecture = typeof first === 'string' ? first : undefined;
  const has = (name: string): boolean => existsSync(join(folder, name));
  if (has('modules.json')) return { architecture, task: 'feature-extraction' };
  const head = TASK_OF_HEAD.find(([suffix]) => architecture?.endsWith(suffix));
  if (head !== undefined || !HEADLESS.test(architecture ?? '')) return { architecture, task: head?.[1] };
  // A model without a head: the files beside it show what it reads.
  const readsImages = !has('tokenizer.json') && has('preprocessor_config.json');
  return { architecture, task: readsImages ? 'image-feature-extraction' : 'feature-extraction' };
}
