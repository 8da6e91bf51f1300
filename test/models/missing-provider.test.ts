import { describe, expect, test } from 'vitest';
import { readMissingProvider } from '../../lib/models/missing-provider.ts';

/** Around every error of a CUDA call in onnxruntime 1.17 to 1.30. */
const CUDA_CALL =
  '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:121 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, const char*, ERRTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; std::conditional_t<THRW, void, onnxruntime::common::Status> = void] ';
const LIBRARY =
  '/onnxruntime_src/onnxruntime/core/session/provider_bridge_ort.cc:1539 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : Failed to load library ';

describe('readMissingProvider', () => {
  // Messages as users have quoted them; GitHub issues of microsoft/onnxruntime where no other repository is named.
  test.each([
    [
      'cuDNN (#25609)',
      `${LIBRARY}libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory`,
      { provider: 'cuda', reason: 'libcudnn.so.9 is missing', advice: 'install cuDNN 9' },
    ],
    [
      'a part of cuDNN (memoavatar/memo#13)',
      `${LIBRARY}libonnxruntime_providers_cuda.so with error: libcudnn_adv.so.9: cannot open shared object file: No such file or directory`,
      { provider: 'cuda', reason: 'libcudnn_adv.so.9 is missing', advice: 'install cuDNN 9' },
    ],
    [
      'cuBLAS of another CUDA (#21684)',
      `${LIBRARY}libonnxruntime_providers_cuda.so with error: libcublasLt.so.11: cannot open shared object file: No such file or directory`,
      { provider: 'cuda', reason: 'libcublasLt.so.11 is missing', advice: 'install the libraries of CUDA 11' },
    ],
    [
      'cuRAND, whose version is its own (cnstark/pytorch-docker#21)',
      `${LIBRARY}libonnxruntime_providers_cuda.so with error: libcurand.so.10: cannot open shared object file: No such file or directory`,
      { provider: 'cuda', reason: 'libcurand.so.10 is missing', advice: 'install CUDA 13 and cuDNN 9' },
    ],
    [
      'TensorRT (#18597)',
      `${LIBRARY}libonnxruntime_providers_tensorrt.so with error: libnvinfer.so.8: cannot open shared object file: No such file or directory`,
      { provider: 'tensorrt', reason: 'libnvinfer.so.8 is missing', advice: 'install TensorRT 8' },
    ],
    [
      "the provider's own library (pykeio/ort#429)",
      `${LIBRARY}libonnxruntime_providers_shared.so with error: libonnxruntime_providers_shared.so: cannot open shared object file: No such file or directory`,
      {
        provider: 'tensorrt',
        reason: 'libonnxruntime_providers_shared.so is missing',
        advice: expect.stringContaining('ONNXRUNTIME_NODE_INSTALL=cuda12'),
      },
    ],
    [
      'some library on Windows (sdbds/TRELLIS-for-windows#34)',
      String.raw`D:\a\_work\1\s\onnxruntime\core\session\provider_bridge_ort.cc:1539 onnxruntime::ProviderLibrary::Get [ONNXRuntimeError] : 1 : FAIL : LoadLibrary failed with error 126 "" when trying to load "C:\Users\Max\Downloads\.venv\lib\site-packages\onnxruntime\capi\onnxruntime_providers_tensorrt.dll"`,
      {
        provider: 'tensorrt',
        reason: 'onnxruntime_providers_tensorrt.dll, or a library that it needs, is missing',
        advice: expect.stringContaining('ONNXRUNTIME_NODE_INSTALL=cuda12'),
      },
    ],
    [
      'the device (deepinsight/insightface#2524)',
      `${CUDA_CALL}CUDA failure 100: no CUDA-capable device is detected ; GPU=32712 ; hostname=HOME-PC ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=245 ; expr=cudaSetDevice(info_.device_id);`,
      {
        provider: 'cuda',
        reason: "CUDA says 'no CUDA-capable device is detected' (100)",
        advice: expect.stringContaining('docker run --gpus all'),
      },
    ],
    [
      'a driver that is new enough (onnxruntime/mobius#316)',
      `${CUDA_CALL}CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version ; GPU=-1 ; hostname=c4327188c000000 ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider.cc ; line=336 ; expr=cudaSetDevice(info_.device_id); `,
      {
        provider: 'cuda',
        reason: "CUDA says 'CUDA driver version is insufficient for CUDA runtime version' (35)",
        advice: expect.stringContaining("update NVIDIA's driver"),
      },
    ],
    [
      'a WebGPU adapter (onnxruntime-node 1.30 on a machine without Vulkan)',
      '/onnxruntime_src/onnxruntime/core/providers/webgpu/webgpu_context.cc:136 onnxruntime::webgpu::WebGpuContext::Initialize(const onnxruntime::webgpu::WebGpuContextConfig&)::<lambda()> adapter_result.status == wgpu::RequestAdapterStatus::Success was false. Failed to get a WebGPU adapter: No supported adapters\n',
      {
        provider: 'webgpu',
        reason: 'there is no GPU with a driver for it: No supported adapters',
        advice: expect.stringContaining('Vulkan'),
      },
    ],
    [
      'what onnxruntime-node does not name (1.30, also where libcublasLt.so.13 was missing)',
      'OrtSessionOptionsAppendExecutionProvider_TensorRT: Failed to load shared library',
      { provider: 'tensorrt', reason: "its library can't be loaded", advice: expect.any(String) },
    ],
  ])('names what is missing: %s', (_, message, expected) => {
    expect(readMissingProvider(message, ['tensorrt', 'cuda', 'webgpu'])).toEqual(expected);
  });

  test.each([
    ['the model', 'Load model from corrupt.onnx failed:Protobuf parsing failed.'],
    ['a missing file', "Load model from gone.onnx failed:Load model gone.onnx failed. File doesn't exist"],
    [
      'memory, which is there and full (hacksider/Deep-Live-Cam#584)',
      `${CUDA_CALL}CUDA failure 2: out of memory ; GPU=0 ; hostname=DESKTOP-QUBEI ; file=cuda_stream_handle.cc ; line=175 ; expr=cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);`,
    ],
  ])('leaves alone what is said of %s', (_, message) => {
    expect(readMissingProvider(message, ['cuda'])).toBeUndefined();
  });
});
