export type Variables = Readonly<Record<string, string | undefined>>;

/** Sets variables of this process, or takes those away that are undefined, until it is disposed of. */
export function withEnvironment(variables: Variables): Disposable {
  const former = Object.fromEntries(Object.keys(variables).map((name) => [name, process.env[name]]));
  setVariables(variables);
  return { [Symbol.dispose]: () => setVariables(former) };
}

function setVariables(variables: Variables): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }
}

const AWS_ACCESS_KEY_ID = 'AKIAEXAMPLE';
export const AWS_SECRET_KEY = 'aws-secret-that-stays-hidden';
export const AWS_SESSION_TOKEN = 'session-token-that-stays-hidden';

export const AWS_SECRETS = [AWS_ACCESS_KEY_ID, AWS_SECRET_KEY, AWS_SESSION_TOKEN];

/** No AWS but the services that are named, each by its address. */
export function awsVariables(services: Readonly<Record<string, string>>): Variables {
  return {
    ...withoutCredentials(),
    AWS_REGION: 'eu-central-1',
    AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: AWS_SECRET_KEY,
    AWS_SESSION_TOKEN,
    ...Object.fromEntries(Object.entries(services).map(([name, url]) => [`AWS_ENDPOINT_URL_${name}`, url])),
  };
}

/** Nothing from which the SDK could get credentials. */
export function withoutCredentials(): Variables {
  return {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_SESSION_TOKEN: undefined,
    AWS_PROFILE: undefined,
    AWS_BEARER_TOKEN_BEDROCK: undefined,
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: undefined,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: undefined,
    AWS_WEB_IDENTITY_TOKEN_FILE: undefined,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_CONFIG_FILE: '/nonexistent/config',
    AWS_SHARED_CREDENTIALS_FILE: '/nonexistent/credentials',
    AWS_ENDPOINT_URL: undefined,
    AWS_REGION: undefined,
    AWS_DEFAULT_REGION: undefined,
  };
}
