import Table from 'cli-table3';

/** Rows without lines between them. */
const WITHOUT_RULES = { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' } as const;

/** A table without colours; a line is drawn below its head, if it has one, and nowhere else. */
export function plainTable(head: readonly string[] = []): InstanceType<typeof Table> {
  return new Table({ head: [...head], style: { head: [], border: [] }, chars: head.length === 0 ? WITHOUT_RULES : {} });
}
