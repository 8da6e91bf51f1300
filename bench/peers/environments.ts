import { installPython } from '../../test/python-environment.ts';
import type { Interpreters } from './contestants.ts';

/** Makes a virtual environment of each system, as each wants other versions of the same packages. */
export async function installPeers(): Promise<Interpreters> {
  return {
    bare: await install('bare'),
    ray: await install('ray'),
    beam: await install('beam'),
    daft: await install('daft'),
  };
}

function install(system: string): Promise<string> {
  return installPython({
    neededBy: 'bench:peers',
    folder: `.venv-peers/${system}`,
    requirements: new URL(`python/requirements-${system}.txt`, import.meta.url),
    // The one that the requirements are pinned for.
    oldest: [3, 11],
    tooNew: [3, 12],
    compile: true,
  });
}
