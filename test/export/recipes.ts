/** A script of examples/export, the pipeline that runs its model, and what it held out. */
export interface Recipe {
  readonly script: string;
  readonly pipeline: string;
  readonly input: string;
  /** The framework's own predictions of that input. */
  readonly predictions: string;
  readonly elements: number;
  readonly classes: number;
}

export const EXPORT_CONFIG = 'examples/export/fabric.config.ts';

/** `npm run test:export` runs them: they need Python. */
export const RECIPES: readonly Recipe[] = [
  {
    script: 'examples/export/pytorch_digits.py',
    pipeline: 'pytorch',
    input: 'examples/export/out/pytorch/held-out.jsonl',
    predictions: 'examples/export/out/pytorch/predictions.jsonl',
    elements: 540,
    classes: 10,
  },
  {
    script: 'examples/export/scikit_learn_wine.py',
    pipeline: 'scikit-learn',
    input: 'examples/export/out/scikit-learn/held-out.jsonl',
    predictions: 'examples/export/out/scikit-learn/predictions.jsonl',
    elements: 54,
    classes: 3,
  },
  {
    script: 'examples/export/xgboost_breast_cancer.py',
    pipeline: 'xgboost',
    input: 'examples/export/out/xgboost/held-out.csv',
    predictions: 'examples/export/out/xgboost/predictions.jsonl',
    elements: 171,
    classes: 2,
  },
];
