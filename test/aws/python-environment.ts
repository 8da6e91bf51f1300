import type { TestProject } from 'vitest/node';
import { installPython } from '../python-environment.ts';

/** Installs the emulators. */
export default async function setup(project: TestProject): Promise<void> {
  const python = await installPython({
    neededBy: 'test:aws',
    folder: '.venv',
    requirements: new URL('requirements.txt', import.meta.url),
    // LocalStack 4.14.0 is written in 3.12's syntax.
    oldest: [3, 12],
    // An emulator has a time limit for its start.
    compile: true,
  });
  project.provide('python', python);
}
