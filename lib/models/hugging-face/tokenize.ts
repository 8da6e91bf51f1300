import { isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ElementFunction } from '../model-handler.ts';
import { limitsOf } from './hugging-face-model.ts';
import { readSettings } from './model-settings.ts';
import { checkTextOptions } from './option-rules.ts';
import type { HuggingFaceTextPair } from './pipeline-options.ts';
import { readText } from './text-input.ts';
import { type TokenLimits, TextTokenizer } from './text-tokenizer.ts';

/** Options of {@link tokenize}. */
export interface TokenizeOptions {
  /**
   * Folder with `tokenizer.json` and `config.json`: a URL, `new URL('models/mine/', import.meta.url)`, or an absolute path.
   */
  readonly model: URL | string;
  /** Maximum tokens of a text, special ones included. @default the model's own limit */
  readonly maxTokens?: number;
  /** True if longer texts are cut; false if they fail. @default true */
  readonly truncation?: boolean;
}

/** Tokens of a text, by the names of a text model's inputs. */
export interface TokenizedText {
  readonly input_ids: Int32Array;
  /** 1 for each token: padding is 0. */
  readonly attention_mask: Int32Array;
  /** 1 for the tokens of the second text of a pair, if the model distinguishes them, otherwise 0. */
  readonly token_type_ids: Int32Array;
}

/** A tokenizer that has been opened, and its limits. */
interface Opened {
  readonly tokenizer: TextTokenizer;
  readonly limits: TokenLimits;
}

/**
 * Returns a preprocess function that turns texts into the inputs of a model, for an `OnnxModelHandler` or a handler of
 * your own. A text that is too long, or empty, fails alone. The tokenizer is opened with the first element.
 *
 * @throws TypeError, RangeError if an option breaks its rule
 *
 * @example
 * ```ts
 * const logits = new OnnxModelHandler<TokenizedText, { readonly logits: readonly number[] }>({
 *   modelUri: '../models/sentiment/onnx/model_quantized.onnx',
 *   padding: {},
 *   minBatchSize: 8,
 *   maxBatchSize: 8,
 * }).withPreprocessFn(tokenize({ model: new URL('../models/sentiment/', import.meta.url), maxTokens: 64 }));
 * ```
 */
export function tokenize(options: TokenizeOptions): ElementFunction<HuggingFaceTextPair, TokenizedText> {
  const folder = folderOf(options.model);
  const { maxTokens, truncation } = options;
  checkTextOptions({ maxTokens, truncation });
  let opening: Promise<Opened> | undefined;
  return async (element) => {
    opening ??= open(folder, { maxTokens, truncation });
    const { tokenizer, limits } = await opening;
    const { ids, types } = tokenizer.encode(readText(element), limits);
    return {
      input_ids: ids,
      attention_mask: new Int32Array(ids.length).fill(1),
      token_type_ids: types ?? new Int32Array(ids.length),
    };
  };
}

async function open(folder: string, options: Readonly<Record<string, unknown>>): Promise<Opened> {
  const settings = await readSettings(folder);
  return { tokenizer: await TextTokenizer.open(settings), limits: limitsOf(settings, options) };
}

function folderOf(model: URL | string): string {
  if (model instanceof URL || model.startsWith('file:')) return fileURLToPath(model);
  if (isAbsolute(model)) return model;
  throw new TypeError(
    `Cannot tokenize as 'model' must be a URL or an absolute path, new URL('${model}/', import.meta.url): current value is '${model}'`,
  );
}
