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

const OUT_OF_MEMORY =
  /out of memory|bad_alloc|bad allocation|failed to allocate memory|CUDA_ERROR_OUT_OF_MEMORY|ENOMEM|invalid array buffer length|array buffer allocation failed/i;

/** Whether an error says that memory ran out: onnxruntime, CUDA and V8 give no code, only words. */
export function saysOutOfMemory(message: string): boolean {
  return OUT_OF_MEMORY.test(message);
}
