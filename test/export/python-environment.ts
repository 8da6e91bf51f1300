import type { TestProject } from 'vitest/node';
import { installPython } from '../python-environment.ts';

/** Installs the frameworks that the recipes export models from. */
export default async function setup(project: TestProject): Promise<void> {
  const python = await installPython({
    neededBy: 'test:export',
    folder: '.venv-export',
    requirements: new URL('../../examples/export/requirements.txt', import.meta.url),
    // The one that the requirements are pinned for.
    oldest: [3, 11],
    tooNew: [3, 12],
  });
  project.provide('python', python);
}
