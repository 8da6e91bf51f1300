import type { Loadable } from '../../hosts/resident-models.ts';
import type { EndpointBusyError } from '../../remote/endpoint/endpoint-error.ts';
import type { AnswerJournal } from './answer-journal.ts';
import type { InferAnswer, InferRequest, RecoveredSize } from '../worker-protocol.ts';

/** The bundle that a batch for a remote model is of. */
export interface AskingBundle {
  readonly journal: AnswerJournal;
  /** Aborted: no new request is made for it. */
  readonly stopSignal: AbortSignal;
  /** Aborted: the requests in flight are cancelled too. */
  readonly killSignal: AbortSignal;
  /** The longest that a batch of it may be sure to wait for the endpoint. @default as long as it takes */
  readonly patienceMillis: number | undefined;
  /** Takes a request that is made for it, to be waited for where it is told to stop. */
  track(request: Promise<unknown>): void;
  /** Called where it would have to wait too long: it is to come again later. */
  giveUp(error: EndpointBusyError): void;
}

/** A model of an engine, be it held by hosts here or served elsewhere. */
export interface EngineModel extends Loadable, AsyncDisposable {
  /**
   * Runs a worker's batch; never rejects. Undefined if its bundle does not continue, so that no answer is needed.
   *
   * @param bundle - of a remote model's batch.
   */
  infer(request: InferRequest, bundle: AskingBundle | undefined): Promise<InferAnswer | undefined>;
  /** Records that a batch was too large, and its halves were not. */
  recovered(size: RecoveredSize): void;
  /** Records that a batch of two rows of one element failed, and a batch of a single row did not. */
  tookOneRow(): void;
}
