import { Copy, DockerfileParser, From, type Instruction } from 'dockerfile-ast';

/** What a Dockerfile builds from one base. */
export interface Stage {
  readonly from: From;
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** Of one instruction. */
interface Rule {
  readonly fault: string;
  readonly breaks: (instruction: Instruction, stages: readonly Stage[]) => boolean;
}

const SECRET = /(secret|token|password|passwd|credential|api_?key|access_?key|private_?key)/i;
const EXACT_VERSION = /:v?\d+\.\d+\.\d+[\w.-]*$|@sha256:[0-9a-f]{64}$/;
const VARIABLE = /\$\{(\w+)\}/g;

/** The values that a build argument may have. */
export type BuildArguments = Readonly<Record<string, readonly string[]>>;

export function stagesOf(text: string): readonly Stage[] {
  return inStages(DockerfileParser.parse(text).getInstructions());
}

function inStages(all: readonly Instruction[]): readonly Stage[] {
  const stages: { from: From; name: string | undefined; instructions: Instruction[] }[] = [];
  for (const instruction of all) {
    if (instruction instanceof From)
      stages.push({ from: instruction, name: instruction.getBuildStage() ?? undefined, instructions: [] });
    else stages.at(-1)?.instructions.push(instruction);
  }
  return stages;
}

/** What is wrong with a Dockerfile, a sentence each with its line; most of it is what hadolint says by default. */
export function faultsOf(text: string, buildArguments: BuildArguments = {}): readonly string[] {
  const all = DockerfileParser.parse(text).getInstructions();
  const stages = inStages(all);
  const ofLines = all.flatMap((instruction) =>
    RULES.filter(({ breaks }) => breaks(instruction, stages)).map(
      ({ fault }) => `line ${lineOf(instruction)}: ${fault}`,
    ),
  );
  return [...unpinned(stages, buildArguments), ...ofLines, ...faultsOfLast(stages.at(-1))];
}

function lineOf(instruction: Instruction): number {
  return instruction.getRange().start.line + 1;
}

const KEYWORDS =
  'ADD ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL ONBUILD RUN SHELL STOPSIGNAL USER VOLUME WORKDIR';

const RULES: readonly Rule[] = [
  { fault: 'there is no such instruction', breaks: (it) => !is(it, ...KEYWORDS.split(' ')) },
  { fault: 'ADD may fetch and unpack: COPY does not', breaks: (it) => is(it, 'ADD') },
  {
    fault: 'a program must be in exec form, so that it gets the signals',
    breaks: (it) => is(it, 'ENTRYPOINT', 'CMD', 'HEALTHCHECK') && !/^(--\S+\s+)*(CMD\s+)?\[/.test(rawOf(it)),
  },
  {
    fault: 'the lists of apt must be removed where they were fetched',
    breaks: (it) => is(it, 'RUN') && /apt(-get)? .*update/.test(rawOf(it)) && !rawOf(it).includes('/var/lib/apt/lists'),
  },
  {
    fault: 'what is fetched must not be run unseen',
    breaks: (it) => is(it, 'RUN') && /(curl|wget).*\|\s*(ba)?sh/.test(rawOf(it)),
  },
  {
    fault: 'npm must install without scripts and without what is only for development',
    breaks: (it) => is(it, 'RUN') && /npm (ci|install)/.test(rawOf(it)) && !isQuietInstall(rawOf(it)),
  },
  {
    fault: 'an image is no place for a secret',
    breaks: (it) => is(it, 'ENV', 'ARG') && SECRET.test(rawOf(it)),
  },
  {
    fault: 'a file that is kept must have its owner named: COPY --chown',
    breaks: (it, stages) => it instanceof Copy && stages.at(-1)?.instructions.includes(it) === true && !hasOwner(it),
  },
];

function is(instruction: Instruction, ...keywords: readonly string[]): boolean {
  return keywords.includes(instruction.getKeyword());
}

export function rawOf(instruction: Instruction): string {
  return instruction.getRawArgumentsContent() ?? '';
}

function isQuietInstall(command: string): boolean {
  return command.includes('--ignore-scripts') && command.includes('--omit=dev');
}

function hasOwner(copy: Copy): boolean {
  return copy.getFlags().some((flag) => flag.getName() === 'chown');
}

/** Bases that are neither an exact version nor a stage above, whatever the build arguments are. */
function unpinned(stages: readonly Stage[], buildArguments: BuildArguments): readonly string[] {
  return stages.flatMap(({ from }, index) => {
    const above = new Set(stages.slice(0, index).map(({ name }) => name));
    const image = from.getImage() ?? '';
    const bases = expand(image, buildArguments).filter((base) => !above.has(base) && !EXACT_VERSION.test(base));
    return bases.map((base) => `line ${lineOf(from)}: ${base} must be pinned to an exact version`);
  });
}

function expand(image: string, buildArguments: BuildArguments): readonly string[] {
  const [variable] = Array.from(image.matchAll(VARIABLE), ([, name = '']) => name);
  const values = variable === undefined ? undefined : buildArguments[variable];
  if (variable === undefined || values === undefined) return [image];
  return values.flatMap((value) => expand(image.replaceAll(`\${${variable}}`, value), buildArguments));
}

function faultsOfLast(last: Stage | undefined): readonly string[] {
  const valueOf = (keyword: string): string | undefined => {
    const found = last?.instructions.findLast((it) => is(it, keyword));
    return found && rawOf(found);
  };
  const faults: readonly [string, boolean][] = [
    ['it must end as a user with a number, who is not root', !/^[1-9]\d*(:[1-9]\d*)?$/.test(valueOf('USER') ?? '')],
    ['it must be stopped by SIGTERM', valueOf('STOPSIGNAL') !== 'SIGTERM'],
    ['it must have a health check', valueOf('HEALTHCHECK') === undefined],
    ['it must have an entry point', valueOf('ENTRYPOINT') === undefined],
  ];
  return faults.filter(([, isFault]) => isFault).map(([fault]) => fault);
}
