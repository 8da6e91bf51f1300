import type { Template } from 'aws-cdk-lib/assertions';
import { expect } from 'vitest';
import { resourcesOf } from './synthesize.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: string | readonly string[];
  readonly Resource: unknown;
  readonly Condition?: { readonly StringLike?: Readonly<Record<string, string | readonly string[]>> };
}

/**
 * Returns the permissions of a function's role: `action resource`, with the names of resources without their digits. Listing a bucket
 * is listing the keys that its condition names: `s3:ListBucket <bucket>/<pattern>`.
 */
export function permissionsOf(template: Template, role: RegExp): readonly string[] {
  const policies = resourcesOf(template, 'AWS::IAM::Policy', role);
  return policies
    .flatMap(({ Properties }) => (Properties['PolicyDocument'] as { Statement: readonly Statement[] }).Statement)
    .flatMap(({ Effect, Action, Resource, Condition }) => {
      expect(Effect).toBe('Allow');
      const prefixes = Condition?.StringLike?.['s3:prefix'];
      const listed = prefixes === undefined ? [''] : listOf(prefixes).map((prefix) => `/${prefix}`);
      return listOf(Action).flatMap((action) =>
        listOf(Resource).flatMap((resource) => listed.map((keys) => `${action} ${shown(resource)}${keys}`)),
      );
    })
    .toSorted();
}

function listOf<T>(value: T | readonly T[]): readonly T[] {
  return Array.isArray(value) ? (value as readonly T[]) : [value as T];
}

/** A resource's ARN: `<logical id>`, `<logical id>/*`, or as it is written. */
function shown(resource: unknown): string {
  return JSON.stringify(resource)
    .replaceAll(/\{"Fn::GetAtt":\["(\w+?)[0-9A-F]{8}","Arn"\]\}/g, '<$1>')
    .replaceAll(/\{"Ref":"AWS::(\w+)"\}/g, '$1')
    .replaceAll(/\{"Ref":"(\w+?)[0-9A-F]{8}"\}/g, '<$1>')
    .replace(/^\{"Fn::Join":\["",\[(.*)\]\]\}$/, (_, parts: string) => parts.replaceAll(/","|",|,"|"/g, ''))
    .replaceAll('"', '');
}
