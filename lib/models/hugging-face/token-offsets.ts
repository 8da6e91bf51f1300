import type { Tokenizer } from '@huggingface/tokenizers';
import { InputMismatchError, isRecord } from '../element-shape.ts';
import type { JsonObject } from './model-settings.ts';

/** A token and its place in the text: characters (Unicode code points), as in Python; the end is exclusive. */
export interface TokenPiece {
  readonly token: string;
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** A character after normalisation, and the place of the character of the text that it comes from. */
interface Normalized {
  readonly at: number;
}

/** Splits texts into tokens with their places. The tokenizer itself gives none. */
export class OffsetTokenizer {
  readonly #tokenizer: Tokenizer;
  readonly #prefix: string;
  readonly #unknown: string | undefined;
  readonly #added: RegExp | undefined;

  private constructor(tokenizer: Tokenizer, model: JsonObject) {
    this.#tokenizer = tokenizer;
    this.#prefix = typeof model['continuing_subword_prefix'] === 'string' ? model['continuing_subword_prefix'] : '##';
    this.#unknown = typeof model['unk_token'] === 'string' ? model['unk_token'] : undefined;
    const contents = [...tokenizer.get_added_tokens_decoder().values()].map(({ content }) => content);
    const longestFirst = contents.toSorted((one, other) => other.length - one.length).map(escaped);
    this.#added = longestFirst.length === 0 ? undefined : new RegExp(`(${longestFirst.join('|')})`, 'u');
  }

  /** Returns undefined if the tokenizer is not WordPiece: then places are not supported. */
  static of(tokenizer: Tokenizer, json: JsonObject): OffsetTokenizer | undefined {
    const { model } = json;
    return isRecord(model) && model['type'] === 'WordPiece' ? new OffsetTokenizer(tokenizer, model) : undefined;
  }

  /** The token for unknown words. */
  get unknownToken(): string | undefined {
    return this.#unknown;
  }

  /** Returns the tokens of a text without special tokens. @throws InputMismatchError if their places can't be found */
  pieces(text: string): readonly TokenPiece[] {
    const pieces: TokenPiece[] = [];
    let start = 0;
    const sections = this.#added === undefined ? [text] : text.split(this.#added);
    sections.forEach((section, index) => {
      const characters = Array.from(section);
      // The pattern captures: every second section is an added token.
      if (index % 2 === 1) pieces.push(this.#piece(section, start, start + characters.length));
      else pieces.push(...this.#piecesOf(section, characters, start));
      start += characters.length;
    });
    return pieces;
  }

  /** Returns the text of tokens, as the tokenizer decodes them. */
  textOf(tokens: readonly string[]): string {
    const { decoder } = this.#tokenizer;
    return decoder === null ? tokens.join(' ') : String(decoder([...tokens]));
  }

  #piecesOf(section: string, characters: readonly string[], start: number): readonly TokenPiece[] {
    const { normalizer, pre_tokenizer: preTokenizer, model } = this.#tokenizer;
    if (section === '' || model === null) return [];
    const normalize = (part: string): string => (normalizer === null ? part : String(normalizer(part)));
    const stream: Normalized[] = characters.flatMap((character, index) =>
      withoutSpaces(normalize(character)).map(() => ({ at: start + index })),
    );
    const whole = normalize(section);
    const words = preTokenizer === null ? [whole] : (preTokenizer(whole) as readonly string[]);
    if (words.reduce((sum, word) => sum + lengthOf(word), 0) !== stream.length) {
      throw new InputMismatchError('the places of the tokens in the text can not be found: its characters combine');
    }
    let at = 0;
    return words.flatMap((word) => {
      const own = stream.slice(at, at + lengthOf(word));
      at += own.length;
      return this.#piecesOfWord(model([word]) as readonly string[], own);
    });
  }

  #piecesOfWord(tokens: readonly string[], characters: readonly Normalized[]): readonly TokenPiece[] {
    let at = 0;
    return tokens.map((token, index) => {
      const isContinued = index > 0 && token.startsWith(this.#prefix);
      const length = lengthOf(isContinued ? token.slice(this.#prefix.length) : token);
      const count = token === this.#unknown ? characters.length - at : length;
      const [first, last] = [characters[at], characters[at + count - 1]];
      at += count;
      return this.#piece(token, first?.at ?? 0, (last?.at ?? 0) + 1);
    });
  }

  #piece(token: string, start: number, end: number): TokenPiece {
    const unknown = this.#unknown === undefined ? undefined : this.#tokenizer.token_to_id(this.#unknown);
    return { token, id: this.#tokenizer.token_to_id(token) ?? unknown ?? 0, start, end };
  }
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
}

function withoutSpaces(text: string): readonly string[] {
  return Array.from(text).filter((character) => character.trim() !== '');
}

export function lengthOf(text: string): number {
  let length = 0;
  // Characters outside of the basic plane have two code units.
  for (const _ of text) length += 1;
  return length;
}
