import type { Classification } from './classification.ts';

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

/** Columns of the CSV that are the model's 30 features, in the order that it was trained with. */
export const FEATURES = [
  ...MEASUREMENTS.map((name) => `mean_${name}`),
  ...MEASUREMENTS.map((name) => `${name}_error`),
  ...MEASUREMENTS.map((name) => `worst_${name}`),
];

export function toDiagnosis({ label, probabilities }: Classification): Diagnosis {
  return { diagnosis: label === 0 ? 'malignant' : 'benign', probability: probabilities[label] ?? 0 };
}
