/** Number of characters of a message that are compared: the rest rarely distinguishes reasons. */
const COMPARED_CHARACTERS = 4000;

/** Names in single quotes, texts in double quotes, digests and numbers. An apostrophe within a word opens no quotes. */
const PARTS =
  /(?<name>(?<![\w])'[^'\n]*'(?!\w))|(?<text>"(?:[^"\\]|\\.)*")|(?<digest>(?<!\w)(?=[a-f-]*\d)[0-9a-f]{8,}(?:-[0-9a-f]{4,})*(?!\w))|(?<number>(?<!\w)[-+]?\d+(?:[.,:]\d+)*(?:e[-+]?\d+)?)/gi;

/**
 * Returns a message without the values of its element: numbers, digests, and texts in double quotes. Names in single
 * quotes stay: they are columns, fields and inputs, and each is a separate reason.
 */
export function messageShape(message: string): string {
  return message
    .slice(0, COMPARED_CHARACTERS)
    .replaceAll(PARTS, (part: string) => (part.startsWith("'") ? part : part.startsWith('"') ? '"…"' : '#'));
}

/** Returns the shape without names and digits: the same for messages that only differ by the id of their element. */
export function wideShape(shape: string): string {
  return shape.replaceAll(/(?<!\w)(['`])[^'`\n]*\1(?!\w)/g, '$1…$1').replaceAll(/\d+/g, '#');
}
