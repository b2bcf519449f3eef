/**
 * A mistake the user can mend: bad input, a missing file, an option out of range.
 *
 * The message is one sentence that says what is wrong, where (file and key), and what to do. The CLI
 * prints it without a stack trace and exits with `exitCode`.
 */
export class UserError extends Error {
  override readonly name = 'UserError';
  constructor(
    message: string,
    readonly exitCode = 2,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}
