import { isRecord } from '../element-shape.ts';

/** One part of a sequence: special tokens, or the tokens of the first text or the second. */
export type TemplatePart =
  | { readonly kind: 'special'; readonly ids: readonly number[]; readonly type: number }
  | { readonly kind: 'text' | 'pair'; readonly type: number };

/** Order in which texts and special tokens make a model's sequence. */
export interface SequenceTemplate {
  readonly single: readonly TemplatePart[];
  readonly pair: readonly TemplatePart[];
}

const PLAIN: SequenceTemplate = {
  single: [{ kind: 'text', type: 0 }],
  pair: [
    { kind: 'text', type: 0 },
    { kind: 'pair', type: 0 },
  ],
};

/**
 * Reads the template in the post-processor of a tokenizer.json (`TemplateProcessing`, `BertProcessing`,
 * `RobertaProcessing`, or one of them in a `Sequence`; see the crate `tokenizers`, module `processors`). Without one,
 * texts follow each other without special tokens.
 */
export function readTemplate(postProcessor: unknown): SequenceTemplate {
  return templateOf(postProcessor) ?? PLAIN;
}

function templateOf(processor: unknown): SequenceTemplate | undefined {
  if (!isRecord(processor)) return undefined;
  switch (processor['type']) {
    case 'Sequence':
      return listOf(processor['processors'])
        .map(templateOf)
        .findLast((template) => template !== undefined);
    case 'TemplateProcessing':
      return {
        single: listOf(processor['single']).map((piece) => partOf(piece, processor['special_tokens'])),
        pair: listOf(processor['pair']).map((piece) => partOf(piece, processor['special_tokens'])),
      };
    case 'BertProcessing':
      return ofClassifier(processor, { separators: 1, pairType: 1 });
    case 'RobertaProcessing':
      return ofClassifier(processor, { separators: 2, pairType: 0 });
    default:
      return undefined;
  }
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function partOf(piece: unknown, specialTokens: unknown): TemplatePart {
  const { SpecialToken: special, Sequence: sequence } = isRecord(piece) ? piece : {};
  if (isRecord(special)) {
    const token = isRecord(specialTokens) ? specialTokens[String(special['id'])] : undefined;
    const ids = isRecord(token) ? listOf(token['ids']).map(Number) : [];
    return { kind: 'special', ids, type: Number(special['type_id']) };
  }
  const { id, type_id: type } = isRecord(sequence) ? sequence : {};
  return { kind: id === 'B' ? 'pair' : 'text', type: Number(type ?? 0) };
}

function special(type: number, id: number | undefined): TemplatePart {
  return { kind: 'special', ids: [id ?? 0], type };
}

/** Returns `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with one or two separators between the texts. */
function ofClassifier(
  processor: Readonly<Record<string, unknown>>,
  { separators, pairType }: { readonly separators: number; readonly pairType: number },
): SequenceTemplate {
  // Pairs of the token and its id.
  const [cls, sep] = [processor['cls'], processor['sep']].map((token) => Number(listOf(token)[1]));
  const first: readonly TemplatePart[] = [special(0, cls), { kind: 'text', type: 0 }, special(0, sep)];
  const between = separators === 2 ? [special(0, sep)] : [];
  return { single: first, pair: [...first, ...between, { kind: 'pair', type: pairType }, special(pairType, sep)] };
}

/** Returns the number of special tokens in a sequence. */
export function specialTokens(parts: readonly TemplatePart[]): number {
  return parts.reduce((sum, part) => sum + (part.kind === 'special' ? part.ids.length : 0), 0);
}
