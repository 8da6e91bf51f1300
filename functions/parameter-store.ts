import { abortOn, clientConfig } from '../lib/stores/aws-client.ts';

/** Short texts by name, through which functions exchange state. */
export interface ParameterStore {
  /** @returns undefined if there is no such parameter */
  read(name: string, options?: { readonly signal?: AbortSignal }): Promise<string | undefined>;
  write(name: string, value: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** Opens SSM's Parameter Store; its client is loaded with the first request. */
export function openParameterStore(): ParameterStore {
  let opening: ReturnType<typeof openClient> | undefined;
  const opened = (): ReturnType<typeof openClient> => (opening ??= openClient());
  return {
    async read(name, { signal } = {}) {
      const { client, GetParameterCommand, ParameterNotFound } = await opened();
      try {
        const { Parameter } = await client.send(new GetParameterCommand({ Name: name }), abortOn(signal));
        return Parameter?.Value;
      } catch (error) {
        if (error instanceof ParameterNotFound) return undefined;
        throw error;
      }
    },
    async write(name, value, { signal } = {}) {
      const { client, PutParameterCommand } = await opened();
      const command = new PutParameterCommand({ Name: name, Value: value, Type: 'String', Overwrite: true });
      await client.send(command, abortOn(signal));
    },
  };
}

async function openClient() {
  const { GetParameterCommand, ParameterNotFound, PutParameterCommand, SSMClient } =
    await import('@aws-sdk/client-ssm');
  return { client: new SSMClient(clientConfig({})), GetParameterCommand, ParameterNotFound, PutParameterCommand };
}
