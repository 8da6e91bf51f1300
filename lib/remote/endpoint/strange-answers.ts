import { EndpointError } from './endpoint-error.ts';

/** Unexpected answers, without a valid one, after which the endpoint does not use the protocol at all. */
const MAX_STRANGE_ANSWERS = 5;

/**
 * Counts answers that do not follow the protocol. A single one may be caused by an unusual element. If there are no others,
 * the model or the format is wrong, and the run ends instead of failing a million elements one by one.
 */
export class StrangeAnswers {
  #count = 0;

  /** Records a valid answer. From now on, unexpected answers fail their elements only. */
  wasValid(): void {
    this.#count = -Infinity;
  }

  /**
   * @param what - continues the message `<endpoint> answered with`
   * @param options.passing - true if a retry may succeed, such as after a page of a proxy
   */
  error(endpoint: string, what: string, { passing = false } = {}): EndpointError {
    this.#count += 1;
    const never = this.#count >= MAX_STRANGE_ANSWERS;
    return new EndpointError(`${endpoint} answered with ${what}${never ? '; it has never sent a valid answer' : ''}`, {
      name: 'EndpointProtocolError',
      disposition: never ? 'fatal' : passing ? 'retry' : 'poison',
    });
  }
}
