import { Intake, type IntakeOptions } from '../../lib/jobs/intake/intake.ts';
import { lambdaDeadline } from '../lambda-deadline.ts';
import { failuresOf, messageOf, type SqsHandler } from '../sqs-handler.ts';

/** Returns the handler that plans the objects of S3's events in the intake queue; it processes all messages of an invocation together. */
export function createIntakeHandler(options: IntakeOptions): SqsHandler {
  const intake = new Intake(options);
  return async ({ Records }, context) => {
    using deadline = lambdaDeadline(context);
    return failuresOf(await intake.handle(Records.map(messageOf), deadline));
  };
}
