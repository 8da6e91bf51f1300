import { describe, expect, test } from 'vitest';
import { KEY, answering, asJson, failure, serving } from './client-of-wine.ts';

describe("the server's words", () => {
  test.for([
    ['{"error": "no input x"}', 'no input x'],
    ['{"error": {"message": "no input x", "type": "t"}}', 'no input x'],
    ['{"detail": "no input x"}', 'no input x'],
    ['{"detail":[{"loc":["body","inputs",0],"msg":"no input x","input":"PAYLOAD"}]}', 'body.inputs.0: no input x'],
    ['{"message": "no input x"}', 'no input x'],
    ['Traceback (most recent call last):\n  File "app.py"\n\nValueError: no input x\n', 'ValueError: no input x'],
    ['no\ninput \u0007 x', 'no input x'],
    ['<!doctype html><html><head><title>Sign in</title></head></html>', "an HTML page, 'Sign in'"],
  ] as const)('are taken from %s', async ([body, words]) => {
    await using server = await answering(400, body);
    const { message } = await failure(server.url);
    expect(message.endsWith(`: ${words}`), message).toBe(true);
  });

  test('are cut short', async () => {
    await using server = await answering(400, 'x'.repeat(1_000_000));
    expect((await failure(server.url)).message.length).toBeLessThan(450);
  });

  test('never repeat a secret, however they write it and wherever they are cut', async () => {
    const forms = [KEY, encodeURIComponent(KEY), JSON.stringify(KEY), `Bearer ${KEY}`];
    for (const form of forms) {
      for (const before of [0, 290, 296]) {
        await using server = await answering(400, `${'x'.repeat(before)} ${form} is no key`);
        // `failure` looks for the secret.
        expect((await failure(server.url)).message).toContain('*');
      }
    }
  });

  test("never repeat what is in the address's query", async () => {
    await using server = await serving((request, response) => response.writeHead(400).end(`bad ${request.url}`));
    const { message } = await failure(`${server.url}/?key=${encodeURIComponent(KEY)}`, (client) =>
      client.get('', asJson),
    );
    expect(message).toContain('bad /?key=***');
  });
});
