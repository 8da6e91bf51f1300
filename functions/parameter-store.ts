import { abortOn, clientConfig } from '../lib/stores/aws-client.ts';

/** Short texts by name, that functions leave for each other. */
export interface ParameterStore {
  /** Undefined where there is no such parameter. */
  read(name: string, options?: { readonly signal?: AbortSignal }): Promise<string | undefined>;
  write(name: string, value: string, options?: { readonly signal?: AbortSignal }): Promise<void>;
}

/** SSM's Parameter Store, whose client is loaded with the first request. */
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
