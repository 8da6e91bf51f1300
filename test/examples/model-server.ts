import { awsVariables, type Variables } from '../remote/environment.ts';
import { type FakeAnswer, type FakeRequest, startFakeService } from '../remote/fake-service.ts';

const TOKEN = 'token-of-the-examples';

export interface ModelServers extends AsyncDisposable {
  /** What the examples' configs read, where they call a server. */
  readonly variables: Variables;
}

/** Servers that the examples may call instead of others'. */
export async function startModelServers(): Promise<ModelServers> {
  const server = await startFakeService(answer);
  const bedrock = await startFakeService(converse, { http2: true });
  return {
    variables: {
      ...awsVariables({ SAGEMAKER_RUNTIME: server.url, BEDROCK_RUNTIME: bedrock.url }),
      OPENAI_BASE_URL: `${server.url}/v1`,
      OPENAI_API_KEY: TOKEN,
      LANGUAGES_URL: server.url,
      LANGUAGES_TOKEN: TOKEN,
    },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await bedrock[Symbol.asyncDispose]();
    },
  };
}

function answer({ path, headers, body, json }: FakeRequest): FakeAnswer {
  if (path === '/endpoints/wine-cultivars/invocations') return scores(body);
  if (headers.authorization !== `Bearer ${TOKEN}`) return { status: 401, body: { error: { message: 'who are you?' } } };
  if (path === '/v1/chat/completions') return chat(json['messages'] as readonly { readonly content: string }[]);
  if (path === '/v1/embeddings') {
    const data = (json['input'] as readonly string[]).map((text, index) => ({ index, embedding: [text.length, 1] }));
    return { body: { data } };
  }
  if (path === '/detect') {
    const languages = (json['texts'] as readonly string[]).map((text) => (/[a-z]/.test(text) ? 'en' : null));
    return { body: { languages } };
  }
  return { status: 404 };
}

/** Judges a review by one word; one without words is against its rules. */
function chat(messages: readonly { readonly content: string }[]): FakeAnswer {
  const review = messages.at(-1)?.content ?? '';
  if (!/[a-z]/.test(review)) return { status: 400, body: { error: { message: 'no words', code: 'content_filter' } } };
  const sentiment = /loved|good/i.test(review) ? 'positive' : 'neutral';
  const message = { role: 'assistant', content: JSON.stringify({ sentiment }) };
  return { body: { choices: [{ message, finish_reason: 'stop' }] } };
}

/** A score for each row: whether its 13 features are there. */
function scores(csv: string): FakeAnswer {
  const rows = csv.trimEnd().split('\n');
  const lines = rows.map((row) => `${row.split(',').length === 13 ? 1 : 0}\n`);
  return { headers: { 'content-type': 'text/csv' }, body: lines.join('') };
}

function converse({ json }: FakeRequest): FakeAnswer {
  const [said] = json['messages'] as readonly { readonly content: readonly { readonly text: string }[] }[];
  const text = said?.content[0]?.text.split(' ').slice(0, 3).join(' ') ?? '';
  return { body: { output: { message: { role: 'assistant', content: [{ text }] } }, stopReason: 'end_turn' } };
}
