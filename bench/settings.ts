/** Settings of every contestant. */
export const BATCH_SIZE = 1024;
export const IMAGE_BATCH_SIZE = 16;
export const MODELS = { mlp: 'out/mlp.onnx', convNet: 'out/conv-net.onnx' } as const;
export const ROWS = Number(process.env['BENCH_ROWS'] ?? 4_000_000);
/** Rows that have a key. */
export const KEYED_ROWS = Number(process.env['BENCH_KEYED_ROWS'] ?? 1_000_000);
export const IMAGES = Number(process.env['BENCH_IMAGES'] ?? 3_000);
/** Runs of each contestant, in turn with the others. */
export const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
