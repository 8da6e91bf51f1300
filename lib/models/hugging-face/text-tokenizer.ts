import { join } from 'node:path';
import type { Tokenizer } from '@huggingface/tokenizers';
import { ModelLoadError } from '../../errors.ts';
import { InputMismatchError, isRecord } from '../element-shape.ts';
import { type JsonObject, type ModelSettings, readJson } from './model-settings.ts';
import { OffsetTokenizer, type TokenPiece } from './token-offsets.ts';
import { readTemplate, type SequenceTemplate, specialTokens, type TemplatePart } from './sequence-template.ts';

/** The tokens of one sequence, without padding. */
export interface TokenSequence {
  readonly ids: Int32Array;
  /** Token types; undefined if all are 0. */
  readonly types: Int32Array | undefined;
}

/** Limits on the tokens of a sequence. */
export interface TokenLimits {
  /** Maximum tokens, special ones included. @default no limit */
  readonly maxTokens?: number | undefined;
  /** True if longer texts are cut; false if they fail. */
  readonly truncation: boolean;
  /** Text of a pair that is cut. @default the longer one, and then both alike */
  readonly cuts?: 'text';
}

/** One text, or a pair. */
export interface TextInput {
  readonly text: string;
  readonly pair?: string | undefined;
}

/** Padding of shorter sequences in a batch. */
export interface TokenPadding {
  readonly id: number;
  readonly side: 'left' | 'right';
}

/**
 * Turns texts into the tokens of a model, by its tokenizer.json. Special tokens are added, and long texts cut, as
 * Python's fast tokenizers do: what a file says of truncation and padding itself is ignored, as these depend on use.
 */
export class TextTokenizer {
  readonly padding: TokenPadding;
  /** Tokens with their places; undefined if these are not known for this kind of tokenizer. */
  readonly offsets: OffsetTokenizer | undefined;
  readonly #tokenizer: Tokenizer;
  readonly #template: SequenceTemplate;
  readonly #cutsLeft: boolean;
  readonly #hasTypes: boolean;

  private constructor(tokenizer: Tokenizer, json: JsonObject, settings: ModelSettings) {
    this.#tokenizer = tokenizer;
    this.#template = readTemplate(json['post_processor']);
    const names = settings.tokenizerConfig['model_input_names'];
    this.#hasTypes = !Array.isArray(names) || names.includes('token_type_ids');
    this.#cutsLeft = settings.tokenizerConfig['truncation_side'] === 'left';
    const side = settings.tokenizerConfig['padding_side'] === 'left' ? 'left' : 'right';
    this.offsets = OffsetTokenizer.of(tokenizer, json);
    this.padding = { id: padTokenOf(tokenizer, json, settings), side };
  }

  /** @throws ModelLoadError if the folder has no tokenizer.json, or the tokenizer is of an unknown kind */
  static async open(settings: ModelSettings): Promise<TextTokenizer> {
    const { folder, tokenizerConfig } = settings;
    const json = await readJson(folder, 'tokenizer.json');
    if (json === undefined) throw missingTokenizer(folder);
    const { Tokenizer } = await import('@huggingface/tokenizers');
    try {
      return new TextTokenizer(new Tokenizer(json, tokenizerConfig), json, settings);
    } catch (error) {
      const path = join(folder, 'tokenizer.json');
      throw new ModelLoadError(`${path} can't be used: ${(error as Error).message}`, { cause: error });
    }
  }

  /**
   * Returns the tokens of a text or a pair. Of a pair, the longer text is cut first, then both alike.
   *
   * @throws InputMismatchError if a text has no tokens, or there are too many tokens and `truncation` is false.
   */
  encode({ text, pair }: TextInput, { maxTokens = Infinity, truncation, cuts }: TokenLimits): TokenSequence {
    const parts = pair === undefined ? this.#template.single : this.#template.pair;
    const first = this.contentOf(text, 'the text');
    const second = pair === undefined ? [] : this.contentOf(pair, 'the second text');
    const room = maxTokens - specialTokens(parts);
    const count = first.length + second.length;
    if (count > room && !truncation) throw tooLong(count + specialTokens(parts), maxTokens);
    const [most, mostOfPair] =
      pair === undefined ? [room, 0] : roomOfPair({ first: first.length, second: second.length, room, cuts });
    const sequence = sequenceOf(parts, this.#cut(first, most), this.#cut(second, mostOfPair));
    return this.#hasTypes ? sequence : { ...sequence, types: undefined };
  }

  /**
   * Returns the tokens of a text with their places; the first is at `first` of the sequence.
   *
   * @throws InputMismatchError as {@link encode} does, or if the places can't be found.
   */
  encodePieces(
    text: string,
    { maxTokens = Infinity, truncation }: TokenLimits,
  ): { readonly sequence: TokenSequence; readonly pieces: readonly TokenPiece[]; readonly first: number } {
    const parts = this.#template.single;
    const all = this.offsets?.pieces(text) ?? [];
    if (all.length === 0) throw emptyText('the text');
    const room = maxTokens - specialTokens(parts);
    if (all.length > room && !truncation) throw tooLong(all.length + specialTokens(parts), maxTokens);
    const pieces = this.#cutsLeft ? all.slice(-room) : all.slice(0, room);
    const ids = pieces.map(({ id }) => id);
    const before = parts.slice(
      0,
      parts.findIndex(({ kind }) => kind === 'text'),
    );
    return { sequence: sequenceOf(parts, ids, []), pieces, first: specialTokens(before) };
  }

  /** Returns the tokens of a text alone. @throws InputMismatchError if there are no tokens */
  contentOf(text: string, what: string): readonly number[] {
    const { ids } = this.#tokenizer.encode(text, { add_special_tokens: false });
    // A character for which a vocabulary has no token, and no token for unknown ones, is left out, as in Python.
    const content = (ids as readonly (number | undefined)[]).filter((id) => id !== undefined);
    if (content.length > 0) return content;
    throw emptyText(what);
  }

  /** Returns the id of a token; undefined if the vocabulary does not have it. */
  idOf(token: string): number | undefined {
    return this.#tokenizer.token_to_id(token);
  }

  #cut(ids: readonly number[], most: number): readonly number[] {
    if (ids.length <= most) return ids;
    return this.#cutsLeft ? ids.slice(ids.length - Math.max(0, most)) : ids.slice(0, Math.max(0, most));
  }
}

function emptyText(what: string): InputMismatchError {
  return new InputMismatchError(`${what} is empty: a model needs at least one token`);
}

function tooLong(tokens: number, most: number): InputMismatchError {
  const limit = `has ${tokens} tokens, and at most ${most} are allowed`;
  return new InputMismatchError(`the text ${limit}: shorten it, or set 'truncation: true'`);
}

export function missingTokenizer(folder: string): ModelLoadError {
  return new ModelLoadError(
    `${folder} has no tokenizer.json: save the tokenizer beside the model, in Python with AutoTokenizer.from_pretrained(…).save_pretrained(folder)`,
  );
}

interface PairLengths {
  readonly first: number;
  readonly second: number;
  readonly room: number;
  readonly cuts: 'text' | undefined;
}

/**
 * Returns the tokens that each text of a pair can have: Python's strategy `longest_first`, which cuts the longer text,
 * and both to halves if that is not sufficient.
 */
function roomOfPair({ first, second, room, cuts }: PairLengths): readonly [number, number] {
  if (first + second <= room) return [first, second];
  if (cuts === 'text') {
    if (second < room) return [room - second, second];
    throw new InputMismatchError(`the second text has ${second} tokens, and leaves no room for the first: shorten it`);
  }
  const shorter = Math.min(first, second);
  const half = Math.floor(room / 2);
  const [short, long] = shorter <= room - shorter ? [shorter, room - shorter] : [half, room - half];
  return first > second ? [long, short] : [short, long];
}

function sequenceOf(
  parts: readonly TemplatePart[],
  first: readonly number[],
  second: readonly number[],
): TokenSequence {
  const length = first.length + second.length + specialTokens(parts);
  const ids = new Int32Array(length);
  const types = new Int32Array(length);
  let at = 0;
  let hasTypes = false;
  for (const part of parts) {
    const own = part.kind === 'special' ? part.ids : part.kind === 'text' ? first : second;
    ids.set(own, at);
    if (part.type !== 0) {
      types.fill(part.type, at, at + own.length);
      hasTypes = true;
    }
    at += own.length;
  }
  return { ids, types: hasTypes ? types : undefined };
}

function padTokenOf(tokenizer: Tokenizer, json: JsonObject, { config, tokenizerConfig }: ModelSettings): number {
  const named = tokenizerConfig['pad_token'];
  const content = isRecord(named) ? named['content'] : named;
  const padding = isRecord(json['padding']) ? json['padding']['pad_id'] : undefined;
  const known = [
    typeof content === 'string' ? tokenizer.token_to_id(content) : undefined,
    config['pad_token_id'],
    padding,
  ];
  const id = known.find((one) => typeof one === 'number');
  return typeof id === 'number' ? id : 0;
}
