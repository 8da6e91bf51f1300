import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import type { Workload } from './workloads.ts';

export interface Contestant {
  readonly name: string;
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** The folder that it writes its predictions to. */
  readonly output: string;
}

/** The interpreters of the Python systems. */
export type Interpreters = Readonly<Record<'bare' | 'ray' | 'beam' | 'daft', string>>;

export interface ContestantOptions {
  /** The folder of the inputs and models. */
  readonly data: string;
  readonly interpreters: Interpreters;
}

/** The contestant that all others are compared with. */
export const OURS = 'fabric, 2 workers';

const HERE = fileURLToPath(new URL('.', import.meta.url));
const FABRIC = fileURLToPath(new URL('../../dist/cli/fabric.js', import.meta.url));
/** Beam takes 20 s for a million rows, and Ray Data half of that: they are not run on more. */
const SLOW_ROWS = 1_000_000;

export function contestantsOf(
  { kind, input, elements }: Workload,
  { data, interpreters }: ContestantOptions,
): readonly Contestant[] {
  const path = join(data, input);
  const output = (name: string): string => join(data, 'results', name.replaceAll(/\W+/g, '-'));
  const fabric = (workers: number): Contestant => {
    const name = `fabric, ${workers} ${workers === 1 ? 'worker' : 'workers'}`;
    const config = join(HERE, 'fabric.config.ts');
    const args = ['run', kind, path, '--config', config, '--output', output(name), '--workers', String(workers)];
    return { name, command: [process.execPath, FABRIC, ...args], env: {}, output: output(name) };
  };
  const node = (): Contestant => {
    const name = 'bare Node';
    const part = join(output(name), 'part.jsonl');
    const args =
      kind === 'images'
        ? [join(HERE, '../bare-images.ts'), path, join(data, 'conv-net.onnx'), part, 'model', '16']
        : [join(HERE, 'bare-rows.ts'), path, join(data, 'mlp.onnx'), part];
    return { name, command: [process.execPath, ...args], env: {}, output: output(name) };
  };
  const python = (name: string, system: keyof Interpreters, script: string, ...args: string[]): Contestant => {
    const command = [interpreters[system], join(HERE, 'python', script), kind, path, output(name), ...args];
    return { name, command, env: { DATA: data, PYTHONDONTWRITEBYTECODE: '1' }, output: output(name) };
  };
  const all = [
    fabric(1),
    fabric(2),
    node(),
    python('bare Python', 'bare', 'bare.py', '1'),
    python('bare Python, 2 processes', 'bare', 'bare.py', '2'),
    python('Daft', 'daft', 'daft_rows.py'),
    python('Ray as a pool', 'ray', 'ray_rows.py', '2', 'ranges'),
    python('Ray Data', 'ray', 'ray_rows.py', '2'),
    ...(elements > SLOW_ROWS ? [] : [python('Beam', 'beam', 'beam_rows.py')]),
  ];
  const only = process.env['PEERS_ONLY']?.split(';');
  return only === undefined ? all : all.filter(({ name }) => only.includes(name));
}
