import type { FailureGroup, FailureGroups } from '../lib/jobs/report/failure-groups.ts';
import { plainTable } from './plain-table.ts';
import { terminalWidth, wrapped } from './text-width.ts';

/** Groups that are shown after a run. */
const SHOWN_GROUPS = 10;
const INDENT = '   ';
/** Columns of a message in a table, at least, and what a table of four columns takes beside its texts. */
const MIN_MESSAGE_COLUMNS = 30;
const FRAME = 13;

export interface FailureListOptions {
  /** Groups that are shown at most. @default 10 */
  readonly most?: number;
  /** @default that of the terminal; where there is none, no line is cut */
  readonly width?: number | undefined;
}

/** Why elements failed: the groups of their failures, the largest first, each with its message as a whole. */
export function failureList(
  groups: Pick<FailureGroups, 'list' | 'others'>,
  { most = SHOWN_GROUPS, width = terminalWidth() }: FailureListOptions = {},
): string {
  const all = groups.list();
  const shown = all.slice(0, most);
  const left = all.slice(most).reduce((sum, { count }) => sum + count, groups.others);
  const lines = shown.map((group, index) => groupText(group, index + 1, width ?? Infinity));
  if (left > 0) lines.push(moreText(all.length - shown.length, left));
  return lines.join('\n');
}

/** The same as a table: stage, name, count, and the message as a whole, with its place and an example. */
export function failureTable(
  groups: Pick<FailureGroups, 'list' | 'others'>,
  { most = SHOWN_GROUPS, width = terminalWidth() }: FailureListOptions = {},
): string {
  const all = groups.list();
  const shown = all.slice(0, most);
  const rows = shown.map(({ stage, error, count }) => [stage, error.name, count.toLocaleString('en')].map(visible));
  const widest = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const taken = widest.reduce((sum, columns) => sum + columns, FRAME);
  const columns = width === undefined ? Infinity : Math.max(MIN_MESSAGE_COLUMNS, width - taken);
  const table = plainTable(['stage', 'error', 'elements', 'message']);
  for (const [index, row] of rows.entries()) {
    const group = shown[index];
    if (group !== undefined) table.push([...row, messageCell(group, columns)]);
  }
  const left = all.slice(most).reduce((sum, { count }) => sum + count, groups.others);
  return left === 0 ? table.toString() : `${table.toString()}\n${moreText(all.length - shown.length, left)}`;
}

function messageCell(group: FailureGroup, columns: number): string {
  const { error, id } = group;
  const at = error.at === undefined ? [] : [`at ${error.at}`];
  const lines = [...messageLines(group), ...at, `such as ${visible(id)}`];
  return lines.map((line) => wrapped(line, columns)).join('\n');
}

function messageLines({ error, isVaried }: FailureGroup): readonly string[] {
  const message = isVaried ? `${error.message} (others differ by numbers, ids or quoted values)` : error.message;
  return visible(message).split('\n');
}

function groupText(group: FailureGroup, number: number, width: number): string {
  const { stage, error, count, id } = group;
  const place = error.at === undefined ? '' : ` (${error.at})`;
  const head = `${number}. ${count.toLocaleString('en')} failed at ${stage}: ${error.name}${place}, such as ${id}`;
  const lines = messageLines(group).map((line) => INDENT + wrapped(line, width - INDENT.length, INDENT));
  return [visible(head), ...lines].join('\n');
}

function moreText(kinds: number, elements: number): string {
  const rest = `${elements.toLocaleString('en')} element${elements === 1 ? '' : 's'}`;
  return kinds === 0 ? `and more kinds, ${rest}` : `and ${kinds} more kind${kinds === 1 ? '' : 's'}, ${rest}`;
}

/** A message may hold what an element holds, and that must not move a terminal's cursor. */
function visible(text: string): string {
  return text.replaceAll(/\r\n?/g, '\n').replaceAll(/(?![\n\t])\p{Cc}/gu, '\ufffd');
}
