import { awsEnvironment } from './embedded-aws.ts';

/** Settings of the SDK that would direct it elsewhere, or take precedence over the emulator's keys. */
const CLEARED: readonly string[] = ['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'AWS_ENDPOINT_URL_EVENTBRIDGE'];

/** Directs the AWS clients of this process, and of those that it starts, to an emulator until this is disposed of. */
export function useEmulator(endpoint: string): Disposable {
  const settings = awsEnvironment(endpoint);
  const before = [...Object.keys(settings), ...CLEARED].map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, settings);
  for (const name of CLEARED) delete process.env[name];
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}
