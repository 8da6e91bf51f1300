import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { HuggingFacePipelineModelHandler } from '../../../lib/models/hugging-face/hugging-face-pipeline-model-handler.ts';
import type { HuggingFacePipelineOptions } from '../../../lib/models/hugging-face/pipeline-options.ts';

/** An input and options, and the output of Python's pipeline. `make.py` writes them. */
export interface Case {
  readonly input: unknown;
  readonly options: Readonly<Record<string, unknown>>;
  readonly output: unknown;
}

/** Path of one of the models here. */
export function modelFolder(name: string): string {
  return fileURLToPath(new URL(`./${name}`, import.meta.url));
}

export function casesOf(name: string): readonly Case[] {
  // make.py writes nothing else there.
  return JSON.parse(readFileSync(new URL(`./${name}.json`, import.meta.url), 'utf8')) as readonly Case[];
}

/** Loads a model in this process, and runs elements through it as one batch. */
export async function infer(
  options: HuggingFacePipelineOptions,
  elements: readonly unknown[],
): Promise<readonly unknown[]> {
  const handler = new HuggingFacePipelineModelHandler(options);
  return handler.runInference(elements as never, await handler.loadModel());
}

/** Runs the cases of a model, those of the same options as one batch, and returns our output beside Python's. */
export async function besidePython(
  name: string,
  task: HuggingFacePipelineOptions['task'],
): Promise<readonly (readonly [ours: unknown, python: unknown])[]> {
  const groups = Map.groupBy(casesOf(name), ({ options }) => JSON.stringify(options));
  const pairs: (readonly [unknown, unknown])[] = [];
  for (const [options, cases] of groups) {
    const own = { ...JSON.parse(options), task, model: modelFolder(name) } as HuggingFacePipelineOptions;
    const outputs = await infer(
      own,
      cases.map(({ input }) => input),
    );
    cases.forEach(({ output }, index) => pairs.push([outputs[index], output]));
  }
  return pairs;
}

/** Checks that two outputs are the same, and their numbers within a tolerance. */
export function expectClose(ours: unknown, python: unknown, tolerance: number): void {
  if (typeof python === 'number') {
    expect(typeof ours).toBe('number');
    expect(Math.abs(Number(ours) - python)).toBeLessThanOrEqual(tolerance);
    return;
  }
  if (typeof python !== 'object' || python === null) {
    expect(ours).toBe(python);
    return;
  }
  const own = ours as Readonly<Record<string, unknown>>;
  expect(Object.keys(own).toSorted()).toEqual(Object.keys(python).toSorted());
  for (const [key, value] of Object.entries(python)) expectClose(own[key], value, tolerance);
}
