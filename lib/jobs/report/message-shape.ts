import { isEscaped } from '../../formats/json-string.ts';

/** Number of characters of a message that are compared: the rest rarely distinguishes reasons. */
const COMPARED_CHARACTERS = 4000;

/** Names in single quotes, digests and numbers. An apostrophe within a word opens no quotes. */
const UNQUOTED = [
  String.raw`(?<![\w])'[^'\n]*'(?!\w)`,
  String.raw`(?<!\w)(?=[a-f-]{0,128}\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?!\w)`,
  String.raw`(?<!\w)[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?`,
].join('|');
const UNQUOTED_PARTS = new RegExp(UNQUOTED, 'gi');
/** Those, and texts in double quotes. One that is not closed is a part too: else each later quote is tried to the end. */
const PARTS = new RegExp(String.raw`"(?:[^"\\]|\\.)*"?|${UNQUOTED}`, 'gi');

/**
 * Returns a message without the values of its element: numbers, digests, and texts in double quotes. Names in single
 * quotes stay: they are columns, fields and inputs, and each is a separate reason.
 */
export function messageShape(message: string): string {
  return message.slice(0, COMPARED_CHARACTERS).replaceAll(PARTS, (part: string) => {
    if (!part.startsWith('"')) return unquotedShape(part);
    const isClosed = part.length > 1 && part.endsWith('"') && !isEscaped(part, part.length - 1);
    return isClosed ? '"…"' : `"${part.slice(1).replaceAll(UNQUOTED_PARTS, unquotedShape)}`;
  });
}

function unquotedShape(part: string): string {
  return part.startsWith("'") ? part : '#';
}

/** Returns the shape without names and digits: the same for messages that only differ by the id of their element. */
export function wideShape(shape: string): string {
  return shape.replaceAll(/(?<!\w)(['`])[^'`\n]*\1(?!\w)/g, '$1…$1').replaceAll(/\d+/g, '#');
}
