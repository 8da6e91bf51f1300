import { afterAll, afterEach, beforeAll } from 'vitest';
import { type Variables, withEnvironment } from './environment.ts';
import { type FakeHandler, type FakeRequest, type FakeServiceOptions, startFakeService } from './fake-service.ts';

export interface SharedServiceOptions extends FakeServiceOptions {
  /** Environment of the tests' process, by the service's address. @default unchanged */
  readonly environment?: (url: string) => Variables;
}

export interface SharedService {
  readonly url: string;
  /** Requests so far, in order. */
  readonly requests: readonly FakeRequest[];
  /** Answers so until the test is over. */
  answers(handler: FakeHandler): void;
}

/** One service for all the tests of a file, or of a `describe`; it answers rightly where a test says nothing else. */
export function sharedService(rightly: FakeHandler, options: SharedServiceOptions = {}): SharedService {
  const { environment = () => ({}), ...serviceOptions } = options;
  let answer = rightly;
  const running = new AsyncDisposableStack();
  const shared = {
    url: '',
    requests: [] as readonly FakeRequest[],
    answers: (handler: FakeHandler) => void (answer = handler),
  };
  beforeAll(async () => {
    const service = running.use(await startFakeService((request) => answer(request), serviceOptions));
    running.use(withEnvironment(environment(service.url)));
    Object.assign(shared, { url: service.url, requests: service.requests });
  });
  afterEach(() => shared.answers(rightly));
  afterAll(() => running.disposeAsync());
  return shared;
}
