import { ElementReadError } from '../../errors.ts';

/** Returns the error of an image that can't be decoded; `reason` is a clause. */
export function undecodable(reason: string, cause?: Error): ElementReadError {
  const message = `The image cannot be decoded: ${reason}`;
  return new ElementReadError('ImageDecodeError', message, cause === undefined ? {} : { cause });
}

export function imageTooLarge(message: string, cause?: Error): ElementReadError {
  return new ElementReadError('ImageTooLarge', message, cause === undefined ? {} : { cause });
}
