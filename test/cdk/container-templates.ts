import { Template } from 'aws-cdk-lib/assertions';
import { CONTAINERS_CONFIG, PRIVATE_CONFIG, resourcesOf, synthesize } from './synthesize.ts';

function containersOf(configPath: string): { readonly main: Template; readonly nested: Template } {
  const { stack, template } = synthesize(() => ({ configPath }));
  const { containers } = stack.fabric;
  if (containers === undefined) throw new Error('there is no stack of containers');
  return { main: template, nested: Template.fromStack(containers) };
}

export const { main, nested } = containersOf(CONTAINERS_CONFIG);
export const { main: governing, nested: isolated } = containersOf(PRIVATE_CONFIG);

export function propertiesOf(type: string, id: RegExp, template = nested): Readonly<Record<string, unknown>> {
  const [first, ...others] = resourcesOf(template, type, id);
  if (first === undefined || others.length > 0) throw new Error(`there is not one ${type} like ${id}`);
  return first.Properties;
}

interface ContainerProperties extends Readonly<Record<string, unknown>> {
  readonly Environment: readonly { readonly Name: string; readonly Value: unknown }[];
}

export function workerOf(id: RegExp, template = nested): ContainerProperties {
  const containers = propertiesOf('AWS::ECS::TaskDefinition', id, template)['ContainerDefinitions'];
  const [worker] = containers as readonly ContainerProperties[];
  if (worker === undefined) throw new Error('the task has no container');
  return worker;
}

/** A variable's value, with something for each reference. */
function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const { 'Fn::Join': join } = value as { readonly 'Fn::Join'?: [string, unknown[]] };
  return join === undefined ? 'https://sqs/1/queue' : join[1].map(plain).join(join[0]);
}

export function environmentOf(id: RegExp, template = nested): Readonly<Record<string, string>> {
  return Object.fromEntries(workerOf(id, template).Environment.map(({ Name, Value }) => [Name, plain(Value)]));
}
