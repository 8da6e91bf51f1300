import { EndpointError } from './endpoint-error.ts';

/** After so many strange answers and never a right one, what is asked is not what the protocol expects. */
const MAX_STRANGE_ANSWERS = 5;

/**
 * Counts answers that are not what was expected. One may come of an odd element. Nothing but strange ones comes of a wrong
 * model or a wrong format, which is no reason to fail a million elements one by one.
 */
export class StrangeAnswers {
  #count = 0;

  /** An answer was right: none is taken for the rule from now on. */
  wasRight(): void {
    this.#count = -Infinity;
  }

  /**
   * @param what - goes on after `<endpoint> answered with`
   * @param options.passing - whether another try may be answered rightly: a proxy's page says nothing of the request
   */
  error(endpoint: string, what: string, { passing = false } = {}): EndpointError {
    this.#count += 1;
    const never = this.#count >= MAX_STRANGE_ANSWERS;
    return new EndpointError(`${endpoint} answered with ${what}${never ? '; it has never answered otherwise' : ''}`, {
      name: 'EndpointProtocolError',
      disposition: never ? 'fatal' : passing ? 'retry' : 'poison',
    });
  }
}
