import { format } from 'node:util';
import { vi } from 'vitest';
import { main } from '../cli/main.ts';

/** How a command ended, and what it printed. */
export interface EndedHere {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Printed = Record<'stdout' | 'stderr', string>;

/** Runs a `fabric` command in the test's own process: its workers and model hosts start as ever. One at a time. */
export async function fabricHere(args: readonly string[]): Promise<EndedHere> {
  const printed: Printed = { stdout: '', stderr: '' };
  const restore = capturePrinted(printed);
  const { exitCode } = process;
  process.exitCode = undefined;
  try {
    await main([process.execPath, 'fabric', ...args]);
    return { status: ownStatus(), ...printed };
  } finally {
    process.exitCode = exitCode;
    restore();
  }
}

/** Returns the exit status that the command set. */
function ownStatus(): number {
  return Number(process.exitCode ?? 0);
}

/** Collects what the process prints. Vitest's console does not write to the process's streams: its methods are caught too. */
function capturePrinted(printed: Printed): () => void {
  const streams = (['stdout', 'stderr'] as const).map((stream) =>
    vi.spyOn(process[stream], 'write').mockImplementation((text) => {
      printed[stream] += String(text);
      return true;
    }),
  );
  const methods = (
    [
      ['log', 'stdout'],
      ['error', 'stderr'],
      ['warn', 'stderr'],
    ] as const
  ).map(([method, stream]) =>
    vi.spyOn(console, method).mockImplementation((...values: unknown[]) => {
      printed[stream] += `${format(...values)}\n`;
    }),
  );
  return () => {
    for (const spy of [...streams, ...methods]) spy.mockRestore();
  };
}
