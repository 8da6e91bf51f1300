import { clientConfig } from '../../stores/aws-client.ts';
import { awsError } from '../aws/aws-error.ts';
import { EndpointError } from '../endpoint/endpoint-error.ts';
import type { SecretReference } from './secret-reference.ts';

/** POSIX, The Open Group Base Specifications, 8.1. A key that was pasted by mistake usually has other characters. */
const ENVIRONMENT_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
/** Characters of names and ARNs: Secrets Manager's CreateSecret and SSM's PutParameter, and the colons of an ARN. */
const AWS_NAME = /^[A-Za-z0-9/_+=.@:-]{1,2048}$/;
/** Few, because an engine that AWS could not serve is started again. */
const MAX_ATTEMPTS = 3;

/**
 * Reads a secret, without the white space around it. An environment variable has its current value. Requests to AWS use
 * the SDK's credentials, and the region of an ARN or else the SDK's.
 *
 * @throws EndpointError (`EndpointCredentialsError`), whose message names the reference and never the value; its
 *   disposition is `retry` if AWS is only busy or unreachable, otherwise `fatal`.
 */
export async function readSecret(reference: SecretReference): Promise<string> {
  if ('env' in reference) return filled(process.env[reference.env], reference, 'is not set');
  if ('ssm' in reference) return filled(await fromAws(reference, readParameter(reference.ssm)), reference, 'is empty');
  const text = filled(await fromAws(reference, readFromManager(reference.secretsManager)), reference, 'has no text');
  const { field } = reference;
  return field === undefined ? text : filled(fieldOf(text, field), reference, 'is not there, or no text');
}

/**
 * Checks an option of a handler that refers to a secret. An invalid value is never shown: it may be the secret itself.
 *
 * @throws TypeError
 */
export function checkSecretReference(value: unknown, option: string, handler: string): SecretReference {
  const refused = (rule: string) => new TypeError(`Cannot create ${handler} as '${option}' must be ${rule}`);
  const forms = '{ env }, { secretsManager, field? } or { ssm }, which name where the secret is';
  if (typeof value !== 'object' || value === null) {
    throw refused(`a reference, ${forms}: it is a ${value === null ? 'null' : typeof value}, which is not shown here`);
  }
  const { env, secretsManager, field, ssm, ...others } = value as Readonly<Record<string, unknown>>;
  const given = [env, secretsManager, ssm].filter((it) => it !== undefined);
  const hasOthers = Object.keys(others).length > 0 || (field !== undefined && secretsManager === undefined);
  if (given.length !== 1 || hasOthers) throw refused(`one reference, ${forms}`);
  if (env !== undefined && !matches(env, ENVIRONMENT_NAME)) {
    throw refused("{ env: the name of an environment variable }: letters, digits and '_'");
  }
  if (secretsManager !== undefined && !matches(secretsManager, AWS_NAME)) {
    throw refused('{ secretsManager: the name or ARN of a secret }');
  }
  if (field !== undefined && (typeof field !== 'string' || field === '')) {
    throw refused('{ secretsManager, field: the name of a field of its JSON }');
  }
  if (ssm !== undefined && !matches(ssm, AWS_NAME)) throw refused('{ ssm: the name or ARN of a parameter }');
  return value as SecretReference;
}

/** Returns the name of a secret in messages. */
export function describeSecret(reference: SecretReference): string {
  if ('env' in reference) return `the environment variable ${reference.env}`;
  if ('ssm' in reference) return `the SSM parameter '${reference.ssm}'`;
  const secret = `the secret '${reference.secretsManager}' of Secrets Manager`;
  return reference.field === undefined ? secret : `the field '${reference.field}' of ${secret}`;
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function filled(value: unknown, reference: SecretReference, complaint: string): string {
  const text = typeof value === 'string' ? value.trim() : '';
  if (text === '') throw unusable(reference, typeof value === 'string' ? 'is empty' : complaint);
  return text;
}

function unusable(reference: SecretReference, complaint: string): EndpointError {
  return credentialsError(`Cannot read a secret: ${describeSecret(reference)} ${complaint}`);
}

/** Returns undefined if the text is not JSON or has no such field: the error of JSON.parse would quote the text. */
function fieldOf(text: string, field: string): unknown {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === 'object' && json !== null && Object.hasOwn(json, field)
      ? (json as Readonly<Record<string, unknown>>)[field]
      : undefined;
  } catch {
    return undefined;
  }
}

async function readFromManager(secretId: string): Promise<string | undefined> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager');
  const client = new SecretsManagerClient({ ...clientConfig({ maxAttempts: MAX_ATTEMPTS }), ...regionOf(secretId) });
  try {
    return (await client.send(new GetSecretValueCommand({ SecretId: secretId }))).SecretString;
  } finally {
    client.destroy();
  }
}

async function readParameter(name: string): Promise<string | undefined> {
  const { GetParameterCommand, SSMClient } = await import('@aws-sdk/client-ssm');
  const client = new SSMClient({ ...clientConfig({ maxAttempts: MAX_ATTEMPTS }), ...regionOf(name) });
  try {
    return (await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }))).Parameter?.Value;
  } finally {
    client.destroy();
  }
}

/** Returns the region of an ARN: `arn:aws:secretsmanager:eu-central-1:…`. */
function regionOf(nameOrArn: string): { readonly region?: string } {
  const [arn, , , region = ''] = nameOrArn.split(':');
  return arn === 'arn' && region !== '' ? { region } : {};
}

async function fromAws<T>(reference: SecretReference, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    const { message, disposition } = awsError(describeSecret(reference), error);
    const isPassing = disposition === 'retry' || disposition === 'throttle';
    throw credentialsError(`Cannot read a secret: ${message}`, isPassing);
  }
}

function credentialsError(message: string, isPassing = false): EndpointError {
  return new EndpointError(message, {
    name: 'EndpointCredentialsError',
    disposition: isPassing ? 'retry' : 'fatal',
  });
}
