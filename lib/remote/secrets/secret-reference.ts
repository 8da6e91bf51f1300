/**
 * Location of a secret, which is read when an engine starts and never shown: the name of an environment variable, the
 * name or ARN of a Secrets Manager secret (with `field`, one field of its JSON), or a parameter of SSM's Parameter Store.
 */
export type SecretReference =
  | { readonly env: string }
  | { readonly secretsManager: string; readonly field?: string }
  | { readonly ssm: string };
