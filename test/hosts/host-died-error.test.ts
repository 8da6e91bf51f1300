import { describe, expect, test } from 'vitest';
import { saysOutOfMemory } from '../../lib/hosts/host-died-error.ts';

describe('saysOutOfMemory', () => {
  // As users have quoted them; GitHub issues of microsoft/onnxruntime where no other repository is named.
  test.each([
    [
      'the arena, of the CPU or of a device (#22702)',
      "Non-zero status code returned while running Conv node. Name:'/fc1/Conv' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of size 4585490524328388608",
    ],
    [
      'CUDA (hacksider/Deep-Live-Cam#584)',
      'cuda_call.cc:114 onnxruntime::CudaCall CUDA failure 2: out of memory ; GPU=0 ; hostname=DESKTOP-QUBEI ; line=175 ; expr=cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);',
    ],
    [
      'cuBLAS (hacksider/Deep-Live-Cam#645)',
      "Non-zero status code returned while running Gemm node. Name:'fc1' Status Message: cuda_call.cc:114 onnxruntime::CudaCall CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=TOBI ; line=168 ; expr=cublasCreate(&cublas_handle_);",
    ],
    ['cuDNN, by the names of its status codes', 'CUDNN failure 2: CUDNN_STATUS_ALLOC_FAILED ; GPU=0 ; hostname=h'],
    ['cuDNN 9', 'CUDNN failure 4003: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED ; GPU=0 ; hostname=h'],
    [
      'an arena with a limit (the words of libonnxruntime 1.30)',
      'Available memory of 1048576 is smaller than requested bytes of 4194304',
    ],
    [
      'TensorRT (#10770)',
      '[2022-03-04 13:39:28 ERROR] ../rtSafe/safeRuntime.cpp (25) - Cuda Error in allocate: 2 (out of memory)',
    ],
    [
      'TensorRT 8 and 10 (NVIDIA/TensorRT#3017, #4258)',
      '[W] [TRT] Requested amount of GPU memory (17920000000 bytes) could not be allocated. There may not be enough free memory for allocation to succeed.',
    ],
    ["a context of TensorRT's (NVIDIA/TensorRT#3017)", '470] Error Code 2: OutOfMemory (no further information)'],
    ['WebGPU (#25195)', 'webgpu_context.cc:120 operator()] WebGPU device error(2): Out of memory'],
    ["Dawn's Vulkan (mlc-ai/web-llm#60)", 'vkAllocateMemory failed with VK_ERROR_OUT_OF_DEVICE_MEMORY'],
    ["CUDA's driver", 'cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY'],
    ['the C++ library (#4325)', 'Exception during initialization: bad allocation'],
    ['V8', 'RangeError: Array buffer allocation failed'],
  ])('knows %s', (_, message) => {
    expect(saysOutOfMemory(message)).toBe(true);
  });

  test.each([
    'CUDA failure 100: no CUDA-capable device is detected ; GPU=32712 ; hostname=HOME-PC',
    'CUBLAS failure 13: CUBLAS_STATUS_EXECUTION_FAILED ; GPU=0 ; hostname=h',
    'Got invalid dimensions for input: x for the following indices\n index: 1 Got: 2 Expected: 3',
    'Failed to load library libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file',
    'CUDNN failure 3000: CUDNN_STATUS_NOT_SUPPORTED ; GPU=0',
  ])('takes nothing else for it: %s', (message) => {
    expect(saysOutOfMemory(message)).toBe(false);
  });
});
