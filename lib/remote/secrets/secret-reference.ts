/**
 * Where a secret is. It is read when an engine starts, and shown nowhere: an environment variable's name, the name or ARN
 * of a Secrets Manager secret (`field` of its JSON, where it is JSON), or a parameter of SSM's Parameter Store.
 */
export type SecretReference =
  | { readonly env: string }
  | { readonly secretsManager: string; readonly field?: string }
  | { readonly ssm: string };
