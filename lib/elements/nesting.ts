/**
 * Maximum nesting of arrays and objects in an element's value; a value in no array or object has 0 levels.
 *
 * JSON.parse accepts any depth, but later steps are recursive. With the stack of 984 KB that Node gives a main
 * thread (threads have 4 MB), the first of these steps fails at 1,600 levels: structured clone and `v8.serialize` of
 * nested objects, 3,300 of nested arrays; JSON.parse with a reviver fails at 2,300, the fabric's own walks at 2,400 and
 * JSON.stringify at 4,400 (Node 24, x64). A third of the first leaves room for the frames of the callers, for values that
 * functions wrap in others, and for machines with larger frames.
 */
export const MAX_NESTING = 512;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Meaning of a byte outside strings; most mean nothing. */
const OPENS = 1;
const CLOSES = 2;
const STARTS_STRING = 3;
const MEANINGS = new Uint8Array(256);
for (const byte of Buffer.from('[{')) MEANINGS[byte] = OPENS;
for (const byte of Buffer.from(']}')) MEANINGS[byte] = CLOSES;
MEANINGS[QUOTE] = STARTS_STRING;

/** Returns whether a JSON text nests its values deeper than MAX_NESTING. Any other text may be either. */
export function isNestedTooDeeply(json: string): boolean {
  // Brackets that are not closed are not JSON. Most texts are too short, and most of the others have few brackets.
  if (json.length < 2 * MAX_NESTING + 2 || !hasMoreOpenings(json, MAX_NESTING)) return false;
  // Bytes are scanned twice as fast as characters: it takes a third of the time that parsing takes.
  const bytes = Buffer.from(json);
  let depth = 0;
  for (let index = 0; index < bytes.length; index += 1) {
    const meaning = MEANINGS[bytes[index] ?? 0];
    if (meaning === 0) continue;
    if (meaning === STARTS_STRING) index = endOfString(bytes, index + 1);
    else if (meaning === CLOSES) depth -= 1;
    else if (depth === MAX_NESTING) return true;
    else depth += 1;
  }
  return false;
}

/** Returns whether a text has more than `count` opening brackets, those in its strings included. */
function hasMoreOpenings(text: string, count: number): boolean {
  let left = count;
  for (const opening of ['[', '{']) {
    for (let at = text.indexOf(opening); at !== -1; at = text.indexOf(opening, at + 1)) {
      if (left === 0) return true;
      left -= 1;
    }
  }
  return false;
}

/** Finds the index of the quote that closes a string, or the end of the text. */
function endOfString(bytes: Buffer, from: number): number {
  let index = from;
  while (index < bytes.length && bytes[index] !== QUOTE) index += bytes[index] === BACKSLASH ? 2 : 1;
  return index;
}

/** Returns the JSON text of a value that JSON.parse returned, however deep it is nested. */
export function jsonOf(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (isStackOverflow(error)) return jsonOfDeep(value);
    throw error;
  }
}

/** Returns whether an error was thrown because a recursion exceeded the stack. */
export function isStackOverflow(thrown: unknown): boolean {
  return thrown instanceof RangeError && thrown.message.includes('call stack');
}

/** A value of a function or a model is nested too deeply for the stack of a recursive step. */
export class NestingError extends TypeError {
  override readonly name = 'NestingError';
  constructor(cause: unknown) {
    super('the value refers to itself, or nests arrays and objects too deeply', { cause });
  }
}

/** Returns the result of a recursive step over a value. @throws NestingError if it exceeds the stack */
export function withinStack<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw isStackOverflow(error) ? new NestingError(error) : error;
  }
}

/** A piece of JSON text, or a value whose text is not made yet. */
type Part = { readonly text: string } | { readonly value: unknown };

const COMMA: Part = { text: ',' };

function jsonOfDeep(value: unknown): string {
  const texts: string[] = [];
  const parts: Part[] = [{ value }];
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    if ('text' in part) texts.push(part.text);
    else if (typeof part.value === 'object' && part.value !== null) {
      for (const inner of partsOf(part.value).toReversed()) parts.push(inner);
    } else texts.push(JSON.stringify(part.value));
  }
  return texts.join('');
}

function partsOf(value: object): readonly Part[] {
  if (Array.isArray(value)) {
    const items = value.flatMap((item: unknown, index) => (index === 0 ? { value: item } : [COMMA, { value: item }]));
    return [{ text: '[' }, ...items, { text: ']' }];
  }
  const fields = Object.entries(value).flatMap(([name, field]: [string, unknown], index) => {
    const named = { text: `${index === 0 ? '' : ','}${JSON.stringify(name)}:` };
    return [named, { value: field }];
  });
  return [{ text: '{' }, ...fields, { text: '}' }];
}
