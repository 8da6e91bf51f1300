import type { TestProject } from 'vitest/node';
import { installPython } from '../python-environment.ts';

/** Installs MLServer, and what trains its models and exports them to ONNX. */
export default async function setup(project: TestProject): Promise<void> {
  const python = await installPython({
    neededBy: 'test:mlserver',
    folder: '.venv-mlserver',
    requirements: new URL('requirements.txt', import.meta.url),
    // The one that the requirements are pinned for.
    oldest: [3, 11],
    tooNew: [3, 12],
  });
  project.provide('python', python);
}
