import { FabricError } from '../errors.ts';

/** Why a host is gone: it took too long and was killed, it ran out of memory, or it ended by itself. */
export type DeathReason = 'timeout' | 'memory' | 'crash';

const NAMES = { timeout: 'TimeoutError', memory: 'OutOfMemoryError', crash: 'ModelHostCrashedError' } as const;

/** A model host died with a batch in hand, or while it loaded its model. */
export class HostDiedError extends FabricError {
  override readonly name: string;
  readonly reason: DeathReason;

  constructor(reason: DeathReason, message: string) {
    super('MODEL_HOST_DIED', message, { disposition: 'poison' });
    this.name = NAMES[reason];
    this.reason = reason;
  }
}

/** The main memory's, as the C++ library, V8, the kernel and onnxruntime's arena say it. */
const OUT_OF_MEMORY =
  /out of memory|bad_alloc|bad allocation|failed to allocate memory|ENOMEM|invalid array buffer length|array buffer allocation failed/i;
/**
 * A device's: `CUDA failure 2: out of memory` is said above, as is what the arena says of either. cuBLAS and cuDNN say it
 * when they make their handles and work space, an arena with a limit in its own way, and TensorRT and Vulkan in theirs.
 */
const OUT_OF_DEVICE_MEMORY =
  /OUT_OF_(?:DEVICE_)?MEMORY|(?:CUBLAS|CUDNN)_STATUS_\w*ALLOC\w*_FAILED|smaller than requested bytes of|OutOfMemory|GPU memory \([^)]*\) could not be allocated/;

/** Checks for the message of an error that ran out of memory: onnxruntime, CUDA and V8 have no code for it. */
export function saysOutOfMemory(message: string): boolean {
  return OUT_OF_MEMORY.test(message) || OUT_OF_DEVICE_MEMORY.test(message);
}
