import type { Pipeline } from '../config/pipeline.ts';
import type { Step } from '../config/steps.ts';
import { isKeyed } from '../models/keyed-model-handler.ts';
import { type ModelHandler, unwrapHandler } from '../models/model-handler.ts';

/** Where in a pipeline a failure may happen: its name, and for functions its place among `functionStages`. */
export interface Stage {
  readonly name: string;
  readonly code: number;
}

/** Where a list of steps stands: in which list of the pipeline, and what its stages' names start with. */
export interface StepList {
  readonly steps: readonly Step[];
  /** `steps`, or in a branch `steps[1].branches.a`. */
  readonly place: string;
  /** Empty, or in a branch `step[1].a.`. */
  readonly prefix: string;
  /** True if stage names have no prefix, because the pipeline has a single step. */
  readonly isBare: boolean;
}

export function pipelineSteps({ steps }: Pick<Pipeline, 'steps'>): StepList {
  return { steps, place: 'steps', prefix: '', isBare: steps.length === 1 && steps[0]?.kind !== 'branch' };
}

/** One branch of a branch step. */
export interface Branch {
  readonly name: string;
  readonly steps: readonly Step[];
}

/** Returns the steps of one branch of the branch step at an index of a list. */
export function branchSteps({ place, prefix }: StepList, index: number, { name, steps }: Branch): StepList {
  const inner = { place: `${place}[${index}].branches.${name}`, prefix: `${prefix}step[${index}].${name}.` };
  return { steps, ...inner, isBare: false };
}

/** Names a stage of a step: bare in a pipeline of a single step, otherwise `step[1].inference`. */
export function stageName({ prefix, isBare }: StepList, index: number, stage: string): string {
  return isBare ? stage : `${prefix}step[${index}].${stage}`;
}

/** A stage at which functions run, and how long one may stand still there. */
export interface FunctionStage {
  readonly name: string;
  readonly timeoutSecs: number;
  /** True if that is the step's `timeoutSecs`, which its pipeline can change. */
  readonly isOption: boolean;
}

/** A step that infers has its own timeout; functions of any other have this one. */
export const FUNCTION_TIMEOUT_SECS = 300;

/** Stages in which the fabric reads and writes each element, before the first step and after the last. */
const READ = 'read';
const WRITE = 'write';

/** Returns a message that names the limit that the fabric's own work on an element reached at a stage. */
export function ownWorkTimeout({ name, timeoutSecs }: FunctionStage): string {
  const work = name === READ ? 'reading' : name === WRITE ? 'writing' : 'packing';
  return `${work} the element took longer than ${timeoutSecs} s; the limit follows 'timeoutSecs' of the steps`;
}

/** Returns a message that names the limit that a function reached at its stage, and what to change. */
export function functionTimeout({ name, timeoutSecs, isOption }: FunctionStage): string {
  if (!isOption) return `${name} took longer than ${timeoutSecs} s, the limit of its functions`;
  return `${name} took longer than 'timeoutSecs' (${timeoutSecs} s): raise 'timeoutSecs' of its step`;
}

/** The stages at which a worker can stand: those of functions, `read` and `write`. */
export function workerStages(pipeline: Pick<Pipeline, 'steps'>): readonly FunctionStage[] {
  const stages = functionStages(pipeline);
  const timeoutSecs = Math.max(...stages.map((stage) => stage.timeoutSecs));
  return [...stages, { name: READ, timeoutSecs, isOption: false }, { name: WRITE, timeoutSecs, isOption: false }];
}

/** The stage at which elements are read, and that at which their lines are written. */
export function outerStages(stages: readonly FunctionStage[]): { readonly read: Stage; readonly write: Stage } {
  const stage = (name: string): Stage => ({ name, code: stages.findIndex((other) => other.name === name) });
  return { read: stage(READ), write: stage(WRITE) };
}

/**
 * The stages at which functions run (at `inference` those that measure an element), in order, each once; a worker's
 * progress names one by its place here.
 */
export function functionStages(pipeline: Pick<Pipeline, 'steps'>): readonly FunctionStage[] {
  return stagesOf(pipelineSteps(pipeline));
}

function stagesOf(list: StepList): readonly FunctionStage[] {
  return list.steps.flatMap((step, index) => {
    const isOption = step.kind === 'runInference';
    const timeoutSecs = isOption ? step.timeoutSecs : FUNCTION_TIMEOUT_SECS;
    const named = (stages: readonly string[]): FunctionStage[] =>
      stages.map((stage) => ({ name: stageName(list, index, stage), timeoutSecs, isOption }));
    switch (step.kind) {
      case 'runInference':
        return named(inferenceStages(step.handler));
      case 'map':
      case 'mapBatches':
        return named(['map']);
      case 'filter':
      case 'flatMap':
        return named([step.kind]);
      case 'branch': {
        const inner = Object.entries(step.branches).flatMap(([name, steps]) =>
          stagesOf(branchSteps(list, index, { name, steps })),
        );
        return [...named(['split']), ...inner];
      }
    }
  });
}

/** Functions around a keyed handler run outermost: before and after those around its own handlers. */
function inferenceStages(outer: ModelHandler): readonly string[] {
  const { handler, preprocessFns, postprocessFns } = unwrapHandler(outer);
  const inner = isKeyed(handler) ? handler.mappings.map((one) => unwrapHandler(one.handler)) : [];
  const before = preprocessFns.length + Math.max(0, ...inner.map((one) => one.preprocessFns.length));
  const after = postprocessFns.length + Math.max(0, ...inner.map((one) => one.postprocessFns.length));
  return [
    ...Array.from({ length: before }, (_, i) => `preprocess[${i}]`),
    'inference',
    ...Array.from({ length: after }, (_, i) => `postprocess[${i}]`),
  ];
}
