import type { TestProject } from 'vitest/node';
import { installPython } from '../python-environment.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The interpreter that has the writers and readers of Parquet. */
    parquetPython: string;
  }
}

/** Installs the frameworks that the recipes export models from, and the libraries that Parquet files are compared with. */
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
  const parquet = await installPython({
    neededBy: 'test:export',
    folder: '.venv-parquet',
    requirements: new URL('parquet-requirements.txt', import.meta.url),
    oldest: [3, 11],
  });
  project.provide('parquetPython', parquet);
}
