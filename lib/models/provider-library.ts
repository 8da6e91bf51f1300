import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import type { GpuProvider } from './missing-provider.ts';

/** Where onnxruntime-node has its libraries on this machine, and looks for those of its providers. */
function libraryFolder(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  return join(dirname(entry), '..', 'bin', 'napi-v6', process.platform, process.arch);
}

/** Libraries that a provider can't be without, in the order in which they are loaded. */
function librariesOf(provider: GpuProvider, folder: string): readonly string[] {
  if (provider === 'webgpu') return ['libvulkan.so.1'];
  const own = join(folder, `libonnxruntime_providers_${provider}.so`);
  // Both are fetched together; the provider's own is what a user looks for.
  return existsSync(own) ? [join(folder, 'libonnxruntime_providers_shared.so'), own] : [own];
}

/**
 * Why a provider's library can't be loaded, in the words of the system's loader: onnxruntime-node throws without them.
 * To be asked only where it has thrown.
 *
 * @returns undefined where they can be loaded, and elsewhere than on Linux.
 */
export function askLoader(provider: GpuProvider, folder = libraryFolder()): string | undefined {
  if (process.platform !== 'linux') return undefined;
  for (const library of librariesOf(provider, folder)) {
    try {
      process.dlopen({ exports: {} }, library, constants.dlopen.RTLD_LAZY);
    } catch (error) {
      // One that can be loaded is no addon of Node, which is what is said of it then.
      const { message } = error as Error;
      if (!message.includes('did not self-register')) return `${provider}: ${message}`;
    }
  }
  return undefined;
}
