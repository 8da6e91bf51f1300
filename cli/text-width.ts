/** Columns of a text on a terminal, at most. */
const MAX_COLUMNS = 120;

/** The width of texts for standard output; undefined where that is no terminal, and lines are as long as they are. */
export function terminalWidth(): number | undefined {
  const { isTTY, columns } = process.stdout;
  return isTTY ? Math.min(columns, MAX_COLUMNS) : undefined;
}

/** One line of at most `length` characters. */
export function shortened(text: string, length: number): string {
  const oneLine = text.replaceAll(/\s+/g, ' ');
  return oneLine.length <= length ? oneLine : `${oneLine.slice(0, Math.max(1, length - 1)).toWellFormed()}…`;
}

/** Lines of words of at most `width` characters, where no word is longer; `indent` stands before all but the first. */
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
