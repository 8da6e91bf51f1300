import { relative } from 'node:path';

/** Maximum width of text on a terminal, in columns. */
const MAX_COLUMNS = 120;

/** Returns the width of text on standard output; undefined if that is not a terminal, where lines are not wrapped. */
export function terminalWidth(): number | undefined {
  const { isTTY, columns } = process.stdout;
  return isTTY ? Math.min(columns, MAX_COLUMNS) : undefined;
}

/** Returns the text as one line of at most `length` characters. */
export function shortened(text: string, length: number): string {
  const oneLine = text.replaceAll(/\s+/g, ' ');
  return oneLine.length <= length ? oneLine : `${oneLine.slice(0, Math.max(1, length - 1)).toWellFormed()}…`;
}

/** Wraps a text at `width` characters; a longer word gets its own line. `indent` starts all lines but the first. */
export function wrapped(text: string, width: number, indent = ''): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = indent + word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line].join('\n');
}

/** Replaces control characters but line ends and tabs: a message may quote an element, and must not move the cursor. */
export function withoutControls(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n').replaceAll(/(?![\n\t])\p{Cc}/gu, '\ufffd');
}

/** Escapes line ends and other control characters of file names, which a terminal must not interpret. */
export function escapedControls(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) =>
    JSON.stringify(character).slice(1, -1),
  );
}

/** Returns a path relative to the working directory if it is in it; other paths and URIs stay as they are. */
export function shownPath(path: string): string {
  if (path.startsWith('s3://')) return path;
  const below = relative(process.cwd(), path);
  return below.startsWith('..') ? path : below || '.';
}
