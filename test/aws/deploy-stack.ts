import { execFile } from 'node:child_process';
import { mkdir, readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { ListQueuesCommand } from '@aws-sdk/client-sqs';
import { type EmulatedAws, parkAfter } from './emulated-aws.ts';
import { ACCOUNT, emulatorEnvironment, plainEnvironment, REGION } from './emulators/emulator.ts';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const STACK = 'InferenceFabric';
const CDK_TIMEOUT_MILLIS = 150_000;

interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
}

interface Resource {
  readonly Type: string;
  readonly Properties?: { readonly QueueName?: string; readonly RedrivePolicy?: RedrivePolicy };
}

interface RedrivePolicy {
  readonly deadLetterTargetArn: { readonly 'Fn::GetAtt': readonly [logicalId: string, attribute: 'Arn'] };
  readonly maxReceiveCount: number;
}

export interface DeployedStack {
  /** What the stack says of itself, by the names of its outputs. */
  readonly outputs: Readonly<Record<string, string>>;
  /** The URL of a queue, by the start of its logical id. */
  readonly queueUrl: (logicalId: string) => Promise<string>;
}

/** Bootstraps an account, and deploys the stack of `cdk/app.ts` for the machine's own processor, by the CDK's CLI. */
export async function deployStack(aws: EmulatedAws): Promise<DeployedStack> {
  const { folder } = aws.emulator;
  const assembly = join(folder, 'cdk.out');
  const outputsFile = join(folder, 'outputs.json');
  // From a folder without an app: none is synthesized for it.
  await cdk(['bootstrap', `aws://${ACCOUNT}/${REGION}`], aws, folder);
  const architecture = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const context = ['--context', `architecture=${architecture}`];
  const places = ['--output', assembly, '--outputs-file', outputsFile];
  await cdk(['deploy', STACK, '--require-approval', 'never', ...context, ...places], aws);
  const outputs = JSON.parse(await readFile(outputsFile, 'utf8')) as Record<string, Record<string, string>>;
  const template = JSON.parse(await readFile(join(assembly, `${STACK}.template.json`), 'utf8')) as Template;
  await setRedrivePolicies(aws, template);
  return {
    outputs: outputs[STACK] ?? {},
    queueUrl: (logicalId) => queueUrl(aws, template, logicalId),
  };
}

async function cdk(args: readonly string[], { emulator }: EmulatedAws, cwd = ROOT): Promise<void> {
  const home = join(emulator.folder, 'cdk-home');
  await mkdir(home, { recursive: true });
  const env = {
    ...plainEnvironment(),
    ...emulatorEnvironment(emulator),
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
    // It keeps what accounts it has seen, and what it has bundled: none of that is to be found in the user's own.
    HOME: home,
    CDK_HOME: home,
    NPM_CONFIG_USERCONFIG: join(homedir(), '.npmrc'),
    CDK_DISABLE_CLI_TELEMETRY: 'true',
  };
  const program = join(ROOT, 'node_modules/aws-cdk/bin/cdk');
  try {
    await run(process.execPath, [program, ...args, '--no-notices', '--no-color', '--ci'], {
      cwd,
      env,
      timeout: CDK_TIMEOUT_MILLIS,
    });
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string };
    throw new Error(`cdk ${args[0]} failed:\n${stdout}${stderr}\n${await emulator.log()}`, { cause: error });
  }
}

/** ministack's CloudFormation drops what a queue does with messages that fail time after time; its SQS knows it. */
async function setRedrivePolicies(aws: EmulatedAws, template: Template): Promise<void> {
  for (const [logicalId, { Properties }] of Object.entries(template.Resources)) {
    const policy = Properties?.RedrivePolicy;
    if (policy === undefined) continue;
    const deadLetters = await queueUrl(aws, template, policy.deadLetterTargetArn['Fn::GetAtt'][0]);
    await parkAfter(aws, await queueUrl(aws, template, logicalId), {
      parked: deadLetters,
      receives: policy.maxReceiveCount,
    });
  }
}

/** @param logicalId - or what it starts with */
async function queueUrl({ sqs }: EmulatedAws, { Resources }: Template, logicalId: string): Promise<string> {
  const [, resource] = Object.entries(Resources).find(([id]) => id.startsWith(logicalId)) ?? [];
  const prefix = resource?.Properties?.QueueName ?? `${STACK}-${logicalId}`;
  const { QueueUrls = [] } = await sqs.send(new ListQueuesCommand({ QueueNamePrefix: prefix }));
  const [url, ...others] = QueueUrls;
  if (url === undefined || others.length > 0)
    throw new Error(`the stack has ${QueueUrls.length} queues '${logicalId}…'`);
  return url;
}
