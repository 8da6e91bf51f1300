import Table from 'cli-table3';

/** Creates a table without colors. The only line inside it is the one below its head, if it has a head. */
export function plainTable(head: readonly string[] = []): InstanceType<typeof Table> {
  return new Table({ head: [...head], style: { head: [], border: [], compact: true } });
}

/** Aligns rows in columns without borders, which fit in 80 characters: the first column to the left, the others to the right. */
export function alignedColumns(rows: readonly (readonly string[])[]): string {
  const [head = []] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) => row.map((cell, column) => aligned(cell, widths[column] ?? 0, column === 0)).join('  '))
    .join('\n');
}

function aligned(cell: string, width: number, isLeft: boolean): string {
  return isLeft ? cell.padEnd(width) : cell.padStart(width);
}
