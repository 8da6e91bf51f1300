import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';

const run = promisify(execFile);
const hosted = new URL('../../lib/hosts/hosted-model.ts', import.meta.url).href;

const huggingFace = new URL('../../lib/models/hugging-face/hugging-face-pipeline.ts', import.meta.url).href;

/** Modules that a process imports with a module, by URL. */
async function modulesOf(module: string): Promise<readonly string[]> {
  const script = `
    import { registerHooks } from 'node:module';
    const urls = [];
    registerHooks({ load: (url, context, next) => (urls.push(url), next(url, context)) });
    await import(${JSON.stringify(module)});
    console.log(JSON.stringify(urls));`;
  const args = ['-C', '@inference-fabric/source', '--input-type=module', '--eval', script];
  return JSON.parse((await run(process.execPath, args)).stdout) as string[];
}

describe('a model host', () => {
  test('imports no config, no schemas and no AWS clients before it is asked to: each reload of a model waits for that', async () => {
    const modules = await modulesOf(hosted);
    expect(modules).toContain(hosted);
    expect(modules.filter((url) => /\/lib\/config\/|\/zod\/|aws-sdk|\/sharp\//.test(url))).toEqual([]);
  });

  test('of a Hugging Face model imports no tokenizer, which only workers need', async () => {
    const modules = await modulesOf(huggingFace);
    expect(modules).toContain(huggingFace);
    expect(modules.filter((url) => /tokenizers\/dist|\/zod\/|aws-sdk|\/sharp\//.test(url))).toEqual([]);
  });
});
