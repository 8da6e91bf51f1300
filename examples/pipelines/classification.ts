/** What scikit-learn's classifiers give for one element, once converted to ONNX. */
export interface Classification {
  readonly label: number;
  /** Of each class. */
  readonly probabilities: readonly number[];
}
