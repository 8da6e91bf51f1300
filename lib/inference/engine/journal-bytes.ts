import { z } from 'zod';
import type { JournalEntry } from './answer-journal.ts';
import { fromTypedJson, toTypedJson } from './typed-json.ts';

const VERSION = 1;

const count = z.int().nonnegative();
const usage = z.object({
  inputTokens: count,
  cachedInputTokens: count,
  outputTokens: count,
  reasoningTokens: count,
});
const label = z.object({ label: z.string(), digest: z.string(), providers: z.string().optional() });
const entry = z.object({
  model: count,
  place: z.string().regex(/^\d+(?:\/\d+)*$/),
  fingerprint: z.string(),
  tries: count,
  usage: usage.optional(),
  answer: z.object({ value: z.unknown(), label }).optional(),
});
const journal = z.object({ version: z.literal(VERSION), entries: z.array(entry) });

/** Entries as bytes, for the next attempt. An entry whose answer JSON can't hold is left out: its element is asked again. */
export function encodeEntries(entries: readonly JournalEntry[]): Uint8Array {
  return Buffer.from(`{"version":${VERSION},"entries":[${entries.flatMap(encoded).join()}]}`);
}

function encoded({ answer, ...known }: JournalEntry): string | readonly [] {
  try {
    const answered = answer === undefined ? {} : { answer: { ...answer, value: toTypedJson(answer.value) } };
    return JSON.stringify({ ...known, ...answered });
  } catch {
    return [];
  }
}

/**
 * Reads entries. The bytes come from a store where others may write, so they are read as data and checked. Bytes that are
 * not a journal, as those of other versions, have no entries: their elements are asked again.
 */
export function decodeEntries(bytes: Uint8Array): readonly JournalEntry[] {
  try {
    const { entries } = journal.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)));
    for (const { answer } of entries) if (answer !== undefined) answer.value = fromTypedJson(answer.value);
    // Optional fields that are absent are absent in what the schema gives, too.
    return entries as readonly JournalEntry[];
  } catch {
    return [];
  }
}
