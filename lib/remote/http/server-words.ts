/** Maximum characters of a server's message in an error line. */
const MAX_CHARACTERS = 300;
/** Levels of nesting that are searched for a message. Servers need two or three; very many would overflow the stack. */
const MAX_LEVELS = 16;

/** Returns the parsed body; undefined if it is not JSON. */
export function parsedBody(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns the message of a server that refuses a request, in the forms that servers use: `{"error": "text"}` (Open Inference
 * Protocol), `{"error": {"message"}}` (OpenAI), `{"detail": "text"}` and `{"detail": [{"loc", "msg"}]}` (FastAPI, MLServer),
 * `{"message"}` (AWS), a page's title, the last line of a traceback, plain text.
 *
 * @param mask - removes secrets of the config
 */
export function serverWords(text: string, mask: (words: string) => string): string {
  const body = parsedBody(text);
  const words = body === undefined ? (pageTitle(text) ?? lastOfTraceback(text) ?? text) : (wordsOf(body) ?? '');
  return shortened(mask(words));
}

export function isPage(text: string): boolean {
  return /^\s*<(!doctype html|html|head|body)\b/i.test(text);
}

export function pageTitle(text: string): string | undefined {
  if (!isPage(text)) return undefined;
  // Without '<' in the tag: from each `<title` to the next is linear in time, from each to the end is not.
  const title = /<title[^<>]*>([^<]*)/i.exec(text)?.[1]?.trim();
  return title ? `an HTML page, '${title}'` : 'an HTML page';
}

/** Returns the last line of a Python traceback, which has the error. */
function lastOfTraceback(text: string): string | undefined {
  return text.startsWith('Traceback (most recent call last)') ? text.trimEnd().split('\n').at(-1) : undefined;
}

function wordsOf(body: unknown, level = 0): string | undefined {
  if (typeof body === 'string') return body;
  if (typeof body !== 'object' || body === null || level > MAX_LEVELS) return undefined;
  if (Array.isArray(body)) return joined(body.map((entry) => complaint(entry, level + 1)));
  const fields = new Map<string, unknown>(Object.entries(body));
  for (const name of ['error', 'detail', 'message', 'Message', 'errorMessage', 'msg']) {
    const words = wordsOf(fields.get(name), level + 1);
    if (words !== undefined && words !== '') return words;
  }
  return undefined;
}

/** Returns an entry of FastAPI: place and problem, but not its `input`, which is the payload. */
function complaint(entry: unknown, level: number): string | undefined {
  if (typeof entry !== 'object' || entry === null || !('msg' in entry)) return wordsOf(entry, level);
  const where = 'loc' in entry && Array.isArray(entry.loc) ? `${entry.loc.filter(isPlain).join('.')}: ` : '';
  return `${where}${isPlain(entry.msg) ? String(entry.msg) : ''}`;
}

/** Checks whether a value has a text: that of an object can fail. */
function isPlain(value: unknown): boolean {
  return value !== null && typeof value !== 'object';
}

function joined(parts: readonly (string | undefined)[]): string | undefined {
  const said = parts.filter((part) => part !== undefined && part !== '');
  return said.length === 0 ? undefined : said.join('; ');
}

export function shortened(words: string): string {
  // Line breaks and other control characters have no place in a line.
  const line = words.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim();
  return line.length <= MAX_CHARACTERS ? line : `${line.slice(0, MAX_CHARACTERS)} …`;
}
