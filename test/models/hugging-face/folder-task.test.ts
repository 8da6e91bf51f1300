import { join } from 'node:path';
import { expect, test } from 'vitest';
import { folderTask } from '../../../lib/models/hugging-face/folder-task.ts';
import { temporaryFolder, writeIn } from '../../temporary-folder.ts';

interface Folder {
  readonly architecture?: string;
  /** Files beside config.json. */
  readonly files?: readonly string[];
}

test.each<[task: string | undefined, folder: Folder]>([
  ['text-classification', { architecture: 'DistilBertForSequenceClassification', files: ['tokenizer.json'] }],
  ['token-classification', { architecture: 'BertForTokenClassification', files: ['tokenizer.json'] }],
  ['image-classification', { architecture: 'ViTForImageClassification', files: ['preprocessor_config.json'] }],
  ['feature-extraction', { architecture: 'BertModel', files: ['tokenizer.json'] }],
  ['feature-extraction', { architecture: 'BertModel', files: ['modules.json', 'tokenizer.json'] }],
  ['feature-extraction', { architecture: 'CLIPModel', files: ['tokenizer.json', 'preprocessor_config.json'] }],
  ['image-feature-extraction', { architecture: 'ViTModel', files: ['preprocessor_config.json'] }],
  ['image-feature-extraction', { architecture: 'Dinov2Model', files: ['preprocessor_config.json'] }],
  [undefined, { architecture: 'GPT2LMHeadModel', files: ['tokenizer.json'] }],
  [undefined, { architecture: 'BertForMaskedLM', files: ['tokenizer.json'] }],
  [undefined, {}],
])('the task of a folder is %s: %o', async (task, { architecture, files = [] }) => {
  const folder = await temporaryFolder();
  const config = architecture === undefined ? {} : { architectures: [architecture] };
  await writeIn(folder, 'config.json', JSON.stringify(config));
  for (const file of files) await writeIn(folder, file, '{}');
  expect(await folderTask(join(folder, '.'))).toEqual({ task, architecture });
});
