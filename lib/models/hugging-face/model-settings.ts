import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ModelLoadError } from '../../errors.ts';
import { codeOf } from '../../stores/system-errors.ts';
import { isRecord } from '../element-shape.ts';

export type JsonObject = Readonly<Record<string, unknown>>;

/** Values of `model_max_length` above this mean that the tokenizer knows no limit. */
const NO_LIMIT = 1e9;
/** Architectures whose first positions are reserved, so that a sequence is shorter than `max_position_embeddings`. */
const OFFSET_POSITIONS: ReadonlySet<string> = new Set([
  'camembert',
  'data2vec-text',
  'ibert',
  'longformer',
  'mpnet',
  'roberta',
  'roberta-prelayernorm',
  'xlm-roberta',
  'xlm-roberta-xl',
  'xmod',
]);

/** Configuration of a model folder. */
export interface ModelSettings {
  readonly folder: string;
  readonly config: JsonObject;
  /** `tokenizer_config.json`; empty if the folder has none. */
  readonly tokenizerConfig: JsonObject;
  /** Maximum tokens of a sequence, special ones included; undefined if the folder has no limit. */
  readonly maxTokens: number | undefined;
}

/** Reads the configuration of a model folder. @throws ModelLoadError if there is no config.json, or it is not JSON */
export async function readSettings(folder: string): Promise<ModelSettings> {
  const config = await readJson(folder, 'config.json');
  if (config === undefined) {
    throw new ModelLoadError(
      `${folder} has no config.json: 'model' must be a folder as Hugging Face models have it, with config.json, tokenizer.json and onnx/model.onnx`,
    );
  }
  const tokenizerConfig = (await readJson(folder, 'tokenizer_config.json')) ?? {};
  const sentences = (await readJson(folder, 'sentence_bert_config.json')) ?? {};
  const limits = [
    tokenLimit(tokenizerConfig['model_max_length']),
    tokenLimit(sentences['max_seq_length']),
    positionLimit(config),
  ].filter((limit) => limit !== undefined);
  return { folder, config, tokenizerConfig, maxTokens: limits.length === 0 ? undefined : Math.min(...limits) };
}

function tokenLimit(value: unknown): number | undefined {
  return typeof value === 'number' && value > 0 && value < NO_LIMIT ? value : undefined;
}

function positionLimit(config: JsonObject): number | undefined {
  const positions = tokenLimit(config['max_position_embeddings'] ?? config['n_positions']);
  if (positions === undefined || !OFFSET_POSITIONS.has(String(config['model_type']))) return positions;
  const padding = config['pad_token_id'];
  return positions - (typeof padding === 'number' ? padding : 1) - 1;
}

/** Returns an object of a model folder; undefined if there is no such file. @throws ModelLoadError if it is not JSON */
export async function readJson(folder: string, name: string): Promise<JsonObject | undefined> {
  const value = await readJsonValue(folder, name);
  if (value === undefined || isRecord(value)) return value;
  throw new ModelLoadError(`${join(folder, name)} must be a JSON object`);
}

/** Returns the JSON value of a file; undefined if there is no such file. @throws ModelLoadError if it is not JSON */
export async function readJsonValue(folder: string, name: string): Promise<unknown> {
  const path = join(folder, name);
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    throw new ModelLoadError(`${path} can't be read: ${(error as Error).message}`, { cause: error });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new ModelLoadError(`${path} is not JSON: ${(error as Error).message}`, { cause: error });
  }
}

/**
 * Returns the names of a model's classes, in the order of its outputs. Without `id2label` they are `LABEL_0` and
 * `LABEL_1`, as in Python, which leaves these names out of the file.
 */
export function labelsOf({ config }: Pick<ModelSettings, 'config'>): readonly string[] {
  const named = config['id2label'];
  if (!isRecord(named)) return ['LABEL_0', 'LABEL_1'];
  return Array.from({ length: Object.keys(named).length }, (_, index) => {
    const label = named[String(index)];
    return typeof label === 'string' ? label : '';
  });
}

/** @throws ModelLoadError if the configuration does not name each of a model's classes */
export function checkLabels({ folder, config }: ModelSettings, classes: number | undefined): void {
  const labels = labelsOf({ config });
  const isKnown = classes === undefined || labels.length === classes;
  if (isKnown && labels.every((label) => label !== '')) return;
  throw new ModelLoadError(
    `${join(folder, 'config.json')} must name the ${classes ?? labels.length} labels of the model in 'id2label', { "0": "…" }: it names ${labels.filter((label) => label !== '').length}`,
  );
}
