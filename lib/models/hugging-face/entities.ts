import { lengthOf, type OffsetTokenizer, type TokenPiece } from './token-offsets.ts';

/** Rule for joining the tokens of an entity. */
export type AggregationStrategy = 'none' | 'simple' | 'first' | 'average' | 'max';

export const AGGREGATIONS: readonly AggregationStrategy[] = ['none', 'simple', 'first', 'average', 'max'];

/** A token with a label: the output of the strategy `none`. */
export interface TokenEntity {
  readonly entity: string;
  readonly score: number;
  /** Place in the model's sequence, special tokens included. */
  readonly index: number;
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** Neighbouring tokens or words with one label. Places are characters (Unicode code points), the end is exclusive. */
export interface EntityGroup {
  readonly entity_group: string;
  readonly score: number;
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** A token and the scores of its labels. */
export interface ScoredToken extends TokenPiece {
  readonly index: number;
  /** The highest score, and the place of its label. */
  readonly score: number;
  readonly label: number;
  /** The scores of all labels; undefined if the strategy does not need them. */
  readonly scores: Float32Array | undefined;
}

export interface EntityOptions {
  readonly text: string;
  readonly labels: readonly string[];
  readonly strategy: AggregationStrategy;
  readonly ignored: ReadonlySet<string>;
  readonly tokenizer: OffsetTokenizer;
}

interface Word {
  readonly entity: string;
  readonly score: number;
  readonly word: string;
  readonly start: number;
  readonly end: number;
}

/** Returns the entities of a text, as Python's `TokenClassificationPipeline` joins them. */
export function entitiesOf(
  tokens: readonly ScoredToken[],
  options: EntityOptions,
): readonly TokenEntity[] | readonly EntityGroup[] {
  const { labels, strategy, ignored } = options;
  const named = tokens.map((token) => tokenEntity(token, options));
  if (strategy === 'none') return named.filter(({ entity }) => !ignored.has(entity));
  const words = strategy === 'simple' ? named : wordsOf(tokens, options).map((word) => wordEntity(word, options));
  const groups = groupsOf(words).map((group) => entityGroup(group, options));
  return groups.filter(({ entity_group: entity }) => !ignored.has(entity) && labels.length > 0);
}

function tokenEntity(token: ScoredToken, { labels, text, tokenizer }: EntityOptions): TokenEntity {
  const { label, score, index, start, end } = token;
  return { entity: labels[label] ?? '', score, index, word: shownWord(token, text, tokenizer), start, end };
}

/** An unknown word is shown as it is in the text. */
function shownWord({ token, start, end }: TokenPiece, text: string, { unknownToken }: OffsetTokenizer): string {
  return token === unknownToken ? slice(text, start, end) : token;
}

function slice(text: string, start: number, end: number): string {
  return Array.from(text).slice(start, end).join('');
}

/** Returns the tokens of each word. A token continues a word if it is not as long as its place in the text, as in Python. */
function wordsOf(tokens: readonly ScoredToken[], { tokenizer }: EntityOptions): readonly (readonly ScoredToken[])[] {
  const words: ScoredToken[][] = [];
  for (const token of tokens) {
    const isSubword = token.token !== tokenizer.unknownToken && lengthOf(token.token) !== token.end - token.start;
    const last = words.at(-1);
    if (isSubword && last !== undefined) last.push(token);
    else words.push([token]);
  }
  return words;
}

function wordEntity(tokens: readonly ScoredToken[], options: EntityOptions): Word {
  const { labels, strategy, text, tokenizer } = options;
  const [first] = tokens;
  const { label, score } = strategy === 'average' ? averageOf(tokens, labels.length) : chosenOf(tokens, strategy);
  return {
    entity: labels[label] ?? '',
    score,
    word: tokenizer.textOf(tokens.map((token) => shownWord(token, text, tokenizer))),
    start: first?.start ?? 0,
    end: tokens.at(-1)?.end ?? 0,
  };
}

function chosenOf(tokens: readonly ScoredToken[], strategy: AggregationStrategy): { label: number; score: number } {
  const [first] = tokens;
  if (first === undefined) return { label: 0, score: 0 };
  if (strategy !== 'max') return first;
  return tokens.reduce((best, token) => (token.score > best.score ? token : best), first);
}

function averageOf(tokens: readonly ScoredToken[], labels: number): { label: number; score: number } {
  let best = { label: 0, score: -Infinity };
  for (let label = 0; label < labels; label += 1) {
    const score = tokens.reduce((sum, { scores }) => sum + (scores?.[label] ?? 0), 0) / tokens.length;
    if (score > best.score) best = { label, score };
  }
  return best;
}

/** Joins neighbours of one label, where the second does not begin an entity. */
function groupsOf(words: readonly Word[]): readonly (readonly Word[])[] {
  const groups: Word[][] = [];
  for (const word of words) {
    const last = groups.at(-1);
    const previous = last?.at(-1);
    const continues = previous !== undefined && tagOf(word) === tagOf(previous) && !word.entity.startsWith('B-');
    if (continues) last?.push(word);
    else groups.push([word]);
  }
  return groups;
}

function tagOf({ entity }: Word): string {
  return entity.startsWith('B-') || entity.startsWith('I-') ? entity.slice(2) : entity;
}

function entityGroup(words: readonly Word[], { tokenizer }: EntityOptions): EntityGroup {
  const [first] = words;
  const entity = first?.entity ?? '';
  return {
    entity_group: entity.slice(entity.indexOf('-') + 1),
    score: words.reduce((sum, { score }) => sum + score, 0) / words.length,
    word: tokenizer.textOf(words.map(({ word }) => word)),
    start: first?.start ?? 0,
    end: words.at(-1)?.end ?? 0,
  };
}
