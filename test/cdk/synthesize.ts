import { fileURLToPath } from 'node:url';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { FabricStack } from '../../cdk/fabric-stack.ts';
import type { InferenceFabricProps } from '../../cdk/inference-fabric-props.ts';

export const CONFIG = fileURLToPath(new URL('fixtures/fabric.config.ts', import.meta.url));
/** With remote models. */
export const REMOTE_CONFIG = fileURLToPath(new URL('fixtures/remote.config.ts', import.meta.url));
/** With as many pipelines as there can be, of each kind. */
export const TWENTY_CONFIG = fileURLToPath(new URL('fixtures/twenty.config.ts', import.meta.url));
/** With containers, public and private. */
export const CONTAINERS_CONFIG = fileURLToPath(new URL('fixtures/containers.config.ts', import.meta.url));
export const PRIVATE_CONFIG = fileURLToPath(new URL('fixtures/private-containers.config.ts', import.meta.url));

/** A resource of a template, as far as these tests look at it. */
export interface Resource {
  readonly Type: string;
  readonly Properties: Readonly<Record<string, unknown>>;
  readonly DependsOn?: readonly string[];
  readonly DeletionPolicy?: string;
  readonly UpdateReplacePolicy?: string;
}

export type FabricOptions = Partial<InferenceFabricProps>;

/** An app whose assets are not made. */
export function testApp(context: Readonly<Record<string, unknown>> = {}): App {
  return new App({ context: { ...context, 'aws:cdk:bundling-stacks': [] } });
}

export interface Synthesis {
  readonly app: App;
  readonly stack: FabricStack;
  readonly template: Template;
}

/**
 * The template of a fabric.
 *
 * @param options - may take resources of another stack, which it is called with.
 */
export function synthesize(
  options?: (others: Stack) => FabricOptions,
  context: Readonly<Record<string, unknown>> = {},
): Synthesis {
  const app = testApp(context);
  const given = options?.(new Stack(app, 'Others'));
  const stack = new FabricStack(app, 'Test', { fabric: { configPath: CONFIG, ...given } });
  return { app, stack, template: Template.fromStack(stack) };
}

/** The resources of a type whose logical ids match. */
export function resourcesOf(template: Template, type: string, id = /./): readonly Resource[] {
  const found = Object.entries(template.findResources(type) as Record<string, Resource>);
  return found.filter(([name]) => id.test(name)).map(([, resource]) => resource);
}
