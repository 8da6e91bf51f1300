import { Match, type Template } from 'aws-cdk-lib/assertions';
import { type Resource, resourcesOf } from './synthesize.ts';

export const PIPELINES = ['plain', 'across-bundles', 'from-s3'];

export function functionsOf(template: Template, id = /./): readonly Resource[] {
  return resourcesOf(template, 'AWS::Lambda::Function', id);
}

export function environmentOf(template: Template, id: RegExp): Readonly<Record<string, unknown>> {
  const environment = functionsOf(template, id)[0]?.Properties['Environment'] as { Variables: Record<string, unknown> };
  return environment.Variables;
}

export function bucketsOf(template: Template): readonly Resource[] {
  return resourcesOf(template, 'AWS::S3::Bucket');
}

/** How each resource of a type that has a resource policy refuses plain HTTP. */
export const TLS_ONLY = Match.objectLike({
  Statement: Match.arrayWith([
    Match.objectLike({
      Effect: 'Deny',
      Principal: { AWS: '*' },
      Condition: { Bool: { 'aws:SecureTransport': 'false' } },
    }),
  ]),
});
