import { join } from 'node:path';
import { ModelLoadError } from '../../errors.ts';
import { isRecord } from '../element-shape.ts';
import { type JsonObject, readJson, readJsonValue } from './model-settings.ts';

/** Function from the vectors of a text's tokens to the vector of the text. */
export type Pooling = 'mean' | 'cls' | 'max' | 'last' | 'none';

export const POOLINGS: readonly Pooling[] = ['mean', 'cls', 'max', 'last', 'none'];

/** How a model's token vectors become the vector of a text, as a folder of `sentence-transformers` has it. */
export interface SentenceModules {
  readonly pooling: Pooling;
  readonly normalize: boolean;
}

/** Names of the poolings in `1_Pooling/config.json`: as flags in older files, as a word in newer ones. */
const POOLING_FLAGS: Readonly<Record<string, Pooling>> = {
  pooling_mode_cls_token: 'cls',
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_max_tokens: 'max',
  pooling_mode_lasttoken: 'last',
};
const POOLING_WORDS: Readonly<Record<string, Pooling>> = { cls: 'cls', mean: 'mean', max: 'max', lasttoken: 'last' };

/**
 * Reads `modules.json` and the pooling of a folder of `sentence-transformers`; undefined if the folder has no modules.
 *
 * @throws ModelLoadError if it has a module, or a pooling, that can't be computed here
 */
export async function readSentenceModules(folder: string): Promise<SentenceModules | undefined> {
  const modules = await readJsonValue(folder, 'modules.json');
  if (modules === undefined) return undefined;
  let pooling: Pooling = 'none';
  let normalize = false;
  for (const { type, path } of modulesIn(modules)) {
    if (type === 'Pooling') pooling = await readPooling(folder, path);
    else if (type === 'Normalize') normalize = true;
    else if (type !== 'Transformer') {
      throw new ModelLoadError(
        `${join(folder, 'modules.json')} has the module ${type}, which is not supported: only Transformer, Pooling and Normalize are`,
      );
    }
  }
  return { pooling, normalize };
}

/** Returns the modules in order; a type is the last part of its Python name. */
function modulesIn(modules: unknown): readonly { readonly type: string; readonly path: string }[] {
  const list = Array.isArray(modules) ? (modules as readonly unknown[]) : [];
  return list.map((module) => {
    const { type, path } = isRecord(module) ? module : {};
    return { type: String(type).split('.').at(-1) ?? '', path: typeof path === 'string' ? path : '' };
  });
}

async function readPooling(folder: string, path: string): Promise<Pooling> {
  const name = `${path}/config.json`;
  const config = await readJson(folder, name);
  if (config === undefined) throw new ModelLoadError(`${folder} has no ${name}, which modules.json names`);
  const modes = poolingsIn(config);
  const [only] = modes;
  if (only !== undefined && modes.length === 1) {
    const pooling = POOLING_FLAGS[only] ?? POOLING_WORDS[only];
    if (pooling !== undefined) return pooling;
  }
  const rule = `must name one pooling of ${POOLINGS.filter((one) => one !== 'none').join(', ')}`;
  throw new ModelLoadError(`${join(folder, name)} ${rule}: it has [${modes.join(', ')}]`);
}

function poolingsIn(config: JsonObject): readonly string[] {
  const { pooling_mode: mode } = config;
  if (typeof mode === 'string') return [mode];
  if (Array.isArray(mode)) return mode.map(String);
  return Object.keys(config).filter((name) => name.startsWith('pooling_mode_') && config[name] === true);
}
