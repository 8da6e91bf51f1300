/** Fields of a line of results, as JSON texts. */
export interface LineFields {
  readonly id: string;
  readonly key?: string;
  readonly prediction: string;
  readonly input?: string;
  readonly model: string;
}

/**
 * Splits a line of results, `{"id","key"?,"prediction","input"?,"model"}`, into the texts of its fields: numbers keep their
 * digits.
 */
export function lineFields(line: string): LineFields {
  const fields: Record<string, string> = {};
  let at = 1;
  while (at < line.length - 1) {
    const nameEnd = line.indexOf('"', at + 1);
    const name = line.slice(at + 1, nameEnd);
    const end = valueEnd(line, nameEnd + 2);
    fields[name] = line.slice(nameEnd + 2, end);
    at = end + 1;
  }
  const { id = '""', key, prediction = 'null', input, model = '[]' } = fields;
  return { id, prediction, model, ...(key === undefined ? {} : { key }), ...(input === undefined ? {} : { input }) };
}

/** Returns the line of some fields. */
export function lineOf({ id, key, prediction, input, model }: LineFields): string {
  const own = key === undefined ? `{"id":${id}` : `{"id":${id},"key":${key}`;
  const joined = input === undefined ? '' : `,"input":${input}`;
  return `${own},"prediction":${prediction}${joined},"model":${model}}`;
}

/** Returns where the JSON value that starts at a place ends: at the comma or the bracket behind it. */
function valueEnd(line: string, start: number): number {
  let depth = 0;
  for (let at = start; at < line.length; at += 1) {
    const character = line[at];
    if (character === '"') at = stringEnd(line, at);
    else if (character === '{' || character === '[') depth += 1;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
    } else if (character === ',' && depth === 0) return at;
  }
  return line.length;
}

/** Returns the place of the closing quote of a string. */
function stringEnd(line: string, start: number): number {
  for (let at = line.indexOf('"', start + 1); at !== -1; at = line.indexOf('"', at + 1)) {
    let escapes = 0;
    while (line[at - 1 - escapes] === '\\') escapes += 1;
    if (escapes % 2 === 0) return at;
  }
  return line.length;
}
