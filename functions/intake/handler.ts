import { Intake, type IntakeOptions } from '../../lib/jobs/intake/intake.ts';
import { lambdaDeadline } from '../lambda-deadline.ts';
import { failuresOf, messageOf, type SqsHandler } from '../sqs-handler.ts';

/** Takes S3's events of an input bucket from the intake queue, all those of an event together. */
export function createIntakeHandler(options: IntakeOptions): SqsHandler {
  const intake = new Intake(options);
  return async ({ Records }, context) => {
    using deadline = lambdaDeadline(context);
    return failuresOf(await intake.take(Records.map(messageOf), deadline));
  };
}
