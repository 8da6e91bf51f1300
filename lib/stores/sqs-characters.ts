/** Characters that SQS refuses in a message. JSON text has only two of them unescaped: U+FFFE and U+FFFF. */
const REFUSED = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

/** Escapes the characters that SQS refuses. In JSON they can only be in a string, where an escape means the same. */
export function escapeForSqs(json: string): string {
  return json.replaceAll(REFUSED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Replaces the characters that SQS refuses by U+FFFD. */
export function replaceForSqs(text: string): string {
  return text.replaceAll(REFUSED, '\u{fffd}');
}
