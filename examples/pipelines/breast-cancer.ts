import type { Classification } from './classification.ts';

/** A row of the CSV: every field is text, under its column's name. */
type Row = Readonly<Record<string, string>>;

export interface Diagnosis {
  readonly diagnosis: 'malignant' | 'benign';
  readonly probability: number;
}

const MEASUREMENTS = [
  'radius',
  'texture',
  'perimeter',
  'area',
  'smoothness',
  'compactness',
  'concavity',
  'concave_points',
  'symmetry',
  'fractal_dimension',
];

/** The model's 30 features, in the order that it was trained with. */
const COLUMNS = [
  ...MEASUREMENTS.map((name) => `mean_${name}`),
  ...MEASUREMENTS.map((name) => `${name}_error`),
  ...MEASUREMENTS.map((name) => `worst_${name}`),
];

/** Picks the features by name. What it throws fails this row alone, so it says which column is wrong. */
export function toFeatures(row: Row): Float32Array {
  return Float32Array.from(COLUMNS, (column) => {
    const text = row[column]?.trim() ?? '';
    if (text === '') throw new TypeError(`column '${column}' must be a number: it is empty`);
    const value = Number(text);
    if (!Number.isFinite(value)) throw new TypeError(`column '${column}' must be a number: it is text`);
    return value;
  });
}

export function toDiagnosis({ label, probabilities }: Classification): Diagnosis {
  return { diagnosis: label === 0 ? 'malignant' : 'benign', probability: probabilities[label] ?? 0 };
}
