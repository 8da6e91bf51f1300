import type { DeclaredInputs } from '../../lib/models/declared-inputs.ts';
import type { InspectedModel } from '../../lib/models/inspect-onnx.ts';
import type { DetectedInput } from '../mapping/detect-format.ts';

/** A project that `fabric init` writes. */
export interface NewProject {
  /** Name of its pipeline. */
  readonly name: string;
  readonly input: DetectedInput & { readonly id?: string };
  /** Its model. @default - a step without a model, to be replaced */
  readonly model?: ProjectModel;
  /** Path of the sample data, relative to the project. */
  readonly samplePath: string;
  readonly sample: string;
}

export interface ProjectModel {
  readonly inspected: InspectedModel;
  /** Path relative to the config, or `s3://` URI. */
  readonly modelUri: string;
  readonly inputs?: DeclaredInputs;
}
