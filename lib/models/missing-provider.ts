/** Execution providers that compute on a GPU, as onnxruntime names them. */
export type GpuProvider = 'tensorrt' | 'cuda' | 'webgpu';

/** An execution provider that was asked for and can't be used here. */
export interface MissingProvider {
  readonly provider: GpuProvider;
  /** A clause: `libcudnn.so.9 is missing`. */
  readonly reason: string;
  /** Advice: software to install, or a setting to change. */
  readonly advice: string;
}

/**
 * Errors of CUDA that say that there is no device to compute on, of `cudaError` in driver_types.h: no driver or one too
 * old (3, 34, 35, 802 to 804), no such device or none that is free (46, 100, 101), one too old or too new (209, 222).
 */
const NO_DEVICE = new Set([3, 34, 35, 46, 100, 101, 209, 222, 802, 803, 804]);

const FETCH_IT = 'install onnxruntime-node with ONNXRUNTIME_NODE_INSTALL=cuda12 in the environment, which fetches it';
const GIVE_GPU = "install NVIDIA's driver on the machine, and give the container its GPUs (docker run --gpus all)";

/** Advice on how to install a library, by its name; `$1` is the version in the name. */
const LIBRARIES: readonly (readonly [name: RegExp, advice: string])[] = [
  [/^(?:lib)?onnxruntime_providers_/, FETCH_IT],
  [/^libcudnn[^.]*\.so\.(\d+)/, 'install cuDNN $1'],
  [/^lib(?:cublas|cublasLt|cudart|nvrtc)\.so\.(\d+)/, 'install the libraries of CUDA $1'],
  [/^lib(?:cudnn|cublas|cudart|cufft|curand|cusparse|cusolver|nvrtc|nvJitLink)/, 'install CUDA 13 and cuDNN 9'],
  [/^lib(?:nvinfer|nvonnxparser)[^.]*\.so\.(\d+)/, 'install TensorRT $1'],
  [/^libcuda\./, GIVE_GPU],
  [/^libvulkan/, "install the Vulkan loader and the GPU's Vulkan driver"],
];

/** Checks for the message that onnxruntime's C interface gives for any problem of a provider's library. */
export function saysNothingOfLibrary(message: string): boolean {
  return /ExecutionProvider_\w+: Failed to load shared library/.test(message);
}

/**
 * Reads in an error of onnxruntime, or of the system's loader, that a provider can't be used on this machine.
 *
 * @param wanted - the providers that the session was to have
 * @returns undefined where the error says something else: of the model, say, or of memory.
 */
export function readMissingProvider(message: string, wanted: readonly GpuProvider[]): MissingProvider | undefined {
  const found = missingLibrary(message) ?? missingDevice(message);
  return found === undefined ? undefined : { provider: providerIn(message, wanted), ...found };
}

/** A provider that this build of onnxruntime does not have. */
export function missingInBuild(provider: GpuProvider, supported: readonly string[]): MissingProvider {
  const reason = `onnxruntime-node has none for ${process.platform}-${process.arch}`;
  return { provider, reason, advice: `there it has ${supported.join(', ')}` };
}

type Missing = Omit<MissingProvider, 'provider'>;

function missingLibrary(message: string): Missing | undefined {
  // The loader of Linux says `libcudnn.so.9: cannot open shared object file: …`, with a path where it was given one.
  const missing = /([^\s/:]+\.so[.\d]*): cannot open shared object file/.exec(message)?.[1];
  if (missing !== undefined) return { reason: `${missing} is missing`, advice: adviceFor(missing) };
  const [, broken, how] =
    /([^\s/:]+\.so[.\d]*): ((?:undefined symbol|version `|file too short|invalid ELF).*)/.exec(message) ?? [];
  if (broken !== undefined) return { reason: `${broken} can't be loaded: ${how}`, advice: adviceFor(broken) };
  // That of Windows does not say whether the library itself is missing or another that it needs.
  const dll = /LoadLibrary failed with error \d+.*?([^\\/"\s]+\.dll)/.exec(message)?.[1];
  if (dll !== undefined) return { reason: `${dll}, or a library that it needs, is missing`, advice: adviceFor(dll) };
  if (!saysNothingOfLibrary(message)) return undefined;
  return { reason: "its library can't be loaded", advice: 'install CUDA 13 and cuDNN 9 as onnxruntime needs them' };
}

function adviceFor(library: string): string {
  for (const [name, advice] of LIBRARIES) {
    const match = name.exec(library);
    if (match !== null) return advice.replace('$1', match[1] ?? '');
  }
  return `install what has ${library}`;
}

function missingDevice(message: string): Missing | undefined {
  const [, code, text] = /CUDA failure (\d+): (.*?)(?: ;|$)/m.exec(message) ?? [];
  if (NO_DEVICE.has(Number(code)))
    return { reason: `CUDA says '${text}' (${code})`, advice: adviceForCuda(Number(code)) };
  const adapter = /Failed to get a WebGPU (?:adapter|device)(?:: (.*))?/.exec(message);
  if (adapter === null) return undefined;
  const said = adapter[1]?.trim() ?? '';
  return {
    reason: `there is no GPU with a driver for it${said === '' ? '' : `: ${said}`}`,
    advice: "install the Vulkan loader and the GPU's Vulkan driver",
  };
}

function adviceForCuda(code: number): string {
  switch (code) {
    case 35:
    case 803:
    case 804:
      return "update NVIDIA's driver: CUDA 13 needs 580 or newer";
    case 101:
      return "there is no GPU of that number: 'gpus' or CUDA_VISIBLE_DEVICES says how many there are";
    case 209:
    case 222:
      return 'this GPU is not one that onnxruntime was built for';
    case 46:
      return 'another process has the GPU for itself';
    default:
      return GIVE_GPU;
  }
}

function providerIn(message: string, wanted: readonly GpuProvider[]): GpuProvider {
  const named =
    /(?:ExecutionProvider_|onnxruntime_providers_)(tensorrt|cuda|webgpu)/i.exec(message)?.[1] ??
    /tensorrt|webgpu|cuda/i.exec(message)?.[0];
  const name = wanted.find((provider) => provider === named?.toLowerCase());
  return name ?? wanted[0] ?? 'cuda';
}
