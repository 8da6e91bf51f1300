/** The work of one table: the same files for every contestant. */
export interface Workload {
  readonly name: string;
  readonly title: string;
  readonly kind: 'jsonl' | 'csv' | 'images';
  /** Its file or folder among the inputs. */
  readonly input: string;
  readonly elements: number;
  /** Contestants that take part. @default all of its kind */
  readonly only?: readonly string[];
}

export const ROWS = Number(process.env['PEERS_ROWS'] ?? 1_000_000);
export const IMAGES = Number(process.env['PEERS_IMAGES'] ?? 1500);
/** Runs of each contestant, in turn with the others. */
export const ROUNDS = Number(process.env['PEERS_ROUNDS'] ?? 5);
export const MANY_FILES = 2000;
export const ROWS_PER_FILE = 500;
export const POISON_ROWS = 100_000;
/** Lines that are no JSON, and rows that have 29 numbers. */
export const POISON = { broken: 30_000, short: 70_000 } as const;

const rows = ROWS.toLocaleString('en');

export const WORKLOADS: readonly Workload[] = [
  { name: 'jsonl', title: `${rows} lines of JSONL`, kind: 'jsonl', input: `rows-${ROWS}.jsonl`, elements: ROWS },
  { name: 'csv', title: `${rows} rows of CSV`, kind: 'csv', input: `rows-${ROWS}.csv`, elements: ROWS },
  { name: 'images', title: `${IMAGES} JPEGs`, kind: 'images', input: `images-${IMAGES}`, elements: IMAGES },
  {
    name: 'many',
    title: `${MANY_FILES} files of ${ROWS_PER_FILE} lines`,
    kind: 'jsonl',
    input: 'many',
    elements: MANY_FILES * ROWS_PER_FILE,
  },
  { name: 'start', title: 'start-up: ten lines', kind: 'jsonl', input: 'rows-10.jsonl', elements: 10 },
  {
    name: 'poison',
    title: `${POISON_ROWS.toLocaleString('en')} lines of which two are broken`,
    kind: 'jsonl',
    input: 'poison.jsonl',
    elements: POISON_ROWS,
  },
];

/** The workloads that PEERS_WORKLOADS names, or all. */
export function chosenWorkloads(): readonly Workload[] {
  const names = process.env['PEERS_WORKLOADS']?.split(',');
  return names === undefined ? WORKLOADS : WORKLOADS.filter(({ name }) => names.includes(name));
}
