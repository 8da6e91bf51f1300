import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, inject, test } from 'vitest';
import { InputMismatchError } from '../../lib/models/element-shape.ts';
import { readSettings } from '../../lib/models/hugging-face/model-settings.ts';
import { TextTokenizer } from '../../lib/models/hugging-face/text-tokenizer.ts';
import { ROOT } from '../examples/run-fabric.ts';
import { temporaryFolder } from '../temporary-folder.ts';

const run = promisify(execFile);
/** Short, so that many texts and pairs are cut. */
const MAX_TOKENS = 48;
const LIMITS = { maxTokens: MAX_TOKENS, truncation: true };

/** Tokens of one or two texts by Python's library. */
interface Tokenized {
  readonly texts: readonly [string, string?];
  readonly ids: readonly number[];
  readonly types: readonly number[];
  readonly offsets: readonly (readonly [start: number, end: number])[];
}

interface OpenedTokenizer {
  readonly tokenizer: TextTokenizer;
  readonly lines: readonly Tokenized[];
}

async function open(name: string): Promise<OpenedTokenizer> {
  const folder = join(ROOT, name);
  const output = join(await temporaryFolder(), 'tokens.jsonl');
  await run(inject('python'), ['test/export/tokenize_texts.py', name, output, String(MAX_TOKENS)], { cwd: ROOT });
  const lines = (await readFile(output, 'utf8')).trimEnd().split('\n');
  // The script writes nothing else there.
  const parsed = lines.map((line) => JSON.parse(line) as Tokenized);
  return { tokenizer: await TextTokenizer.open(await readSettings(folder)), lines: parsed };
}

/** Returns undefined for texts without tokens, which fail here. */
function encode(tokenizer: TextTokenizer, [text, pair]: Tokenized['texts']) {
  try {
    const { ids, types } = tokenizer.encode({ text, pair }, LIMITS);
    return { ids: [...ids], types: [...(types ?? new Int32Array(ids.length))] };
  } catch (error) {
    if (error instanceof InputMismatchError) return undefined;
    throw error;
  }
}

function sorted(ids: readonly number[] = []): readonly number[] {
  return ids.toSorted((one, other) => one - other);
}

describe('the tokens of 6,000 texts and 1,000 pairs', () => {
  test.for([
    ['examples/models/sentiment', 'WordPiece'],
    ['test/models/hugging-face/bert-tokens', 'WordPiece with case'],
    ['test/models/hugging-face/roberta-multi-label', 'byte-level BPE'],
  ] as const)("of %s (%s) are those of Python's tokenizers", async ([name]) => {
    const { tokenizer, lines } = await open(name);
    expect(lines).toHaveLength(7000);
    let compared = 0;
    for (const { texts, ids, types } of lines) {
      const own = encode(tokenizer, texts);
      if (own === undefined) continue;
      compared += 1;
      expect(own, texts.join(' | ')).toEqual({ ids, types });
    }
    expect(compared).toBeGreaterThan(6900);
  });

  test("of a Unigram tokenizer are those of Python, but for ties: '...' can be '..' and '.' or the reverse", async () => {
    const { tokenizer, lines } = await open('test/models/hugging-face/xlmr-reranker');
    const other = lines.filter(({ texts, ids }) => encode(tokenizer, texts)?.ids.join(' ') !== ids.join(' '));
    expect(other.length).toBeLessThan(lines.length / 200);
    const uncut = other.filter(({ ids }) => ids.length < MAX_TOKENS);
    for (const { texts, ids } of uncut) expect(sorted(encode(tokenizer, texts)?.ids)).toEqual(sorted(ids));
  });

  test("of a WordPiece tokenizer are at the places that Python's have", async () => {
    const { tokenizer, lines } = await open('test/models/hugging-face/bert-tokens');
    const texts = lines.filter((line) => line.texts.length === 1 && line.ids.length > 2);
    expect(texts.length).toBeGreaterThan(5900);
    for (const {
      texts: [text],
      offsets,
    } of texts) {
      const { pieces } = tokenizer.encodePieces(text, LIMITS);
      // Python has the special tokens, too, at both ends.
      expect(
        pieces.map(({ start, end }) => [start, end]),
        text,
      ).toEqual(offsets.slice(1, -1));
    }
  });
});
