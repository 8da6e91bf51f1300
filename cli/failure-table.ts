import type { FailureGroup, FailureGroups } from '../lib/jobs/report/failure-groups.ts';
import { counted, number } from './format/amounts.ts';
import { plainTable } from './format/table.ts';
import { terminalWidth, withoutControls, wrapped } from './format/text.ts';

/** Number of groups that are shown after a run. */
const SHOWN_GROUPS = 10;
const INDENT = '   ';
/** Minimum width of the message column, and the width of the borders and padding of a table of four columns. */
const MIN_MESSAGE_COLUMNS = 30;
const FRAME = 13;

export interface FailureListOptions {
  /** Maximum number of groups to show. @default 10 */
  readonly max?: number;
  /** @default the width of the terminal; without a terminal, no line is cut */
  readonly width?: number | undefined;
}

/** Lists the reasons of failures: their groups, the largest first, each with its whole message. */
export function failureList(
  groups: Pick<FailureGroups, 'list' | 'others'>,
  { max = SHOWN_GROUPS, width = terminalWidth() }: FailureListOptions = {},
): string {
  const { shown, more } = firstGroups(groups, max);
  return [...shown.map((group, index) => groupText(group, index + 1, width ?? Infinity)), ...more].join('\n');
}

/** Formats the same groups as a table: stage, name, count, and the whole message, with its place and an example. */
export function failureTable(
  groups: Pick<FailureGroups, 'list' | 'others'>,
  { max = SHOWN_GROUPS, width = terminalWidth() }: FailureListOptions = {},
): string {
  const { shown, more } = firstGroups(groups, max);
  const rows = shown.map(({ stage, error, count }) => [stage, error.name, number(count)].map(withoutControls));
  const widest = [0, 1, 2].map((column) => Math.max(0, ...rows.map((row) => row[column]?.length ?? 0)));
  const taken = widest.reduce((sum, columns) => sum + columns, FRAME);
  const columns = width === undefined ? Infinity : Math.max(MIN_MESSAGE_COLUMNS, width - taken);
  const table = plainTable(['stage', 'error', 'elements', 'message']);
  for (const [index, row] of rows.entries()) {
    const group = shown[index];
    if (group !== undefined) table.push([...row, messageCell(group, columns)]);
  }
  return [table.toString(), ...more].join('\n');
}

/** Returns the groups to show, and a line about the others if there are any. */
function firstGroups(
  groups: Pick<FailureGroups, 'list' | 'others'>,
  max: number,
): { readonly shown: readonly FailureGroup[]; readonly more: readonly string[] } {
  const all = groups.list();
  const left = all.slice(max).reduce((sum, { count }) => sum + count, groups.others);
  return { shown: all.slice(0, max), more: left === 0 ? [] : [moreText(Math.max(0, all.length - max), left)] };
}

function messageCell(group: FailureGroup, columns: number): string {
  const { error, id } = group;
  const at = error.at === undefined ? [] : [`at ${error.at}`];
  const lines = [...messageLines(group), ...at, `such as ${withoutControls(id)}`];
  return lines.map((line) => wrapped(line, columns)).join('\n');
}

function messageLines({ error, isVaried }: FailureGroup): readonly string[] {
  const message = isVaried ? `${error.message} (others differ by numbers, ids or quoted values)` : error.message;
  return withoutControls(message).split('\n');
}

function groupText(group: FailureGroup, position: number, width: number): string {
  const { stage, error, count, id } = group;
  const place = error.at === undefined ? '' : ` (${error.at})`;
  const head = `${position}. ${number(count)} failed at ${stage}: ${error.name}${place}, such as ${id}`;
  const lines = messageLines(group).map((line) => INDENT + wrapped(line, width - INDENT.length, INDENT));
  return [withoutControls(head), ...lines].join('\n');
}

function moreText(kinds: number, elements: number): string {
  const rest = counted(elements, 'element');
  return kinds === 0 ? `and more kinds, ${rest}` : `and ${counted(kinds, 'more kind')}, ${rest}`;
}
