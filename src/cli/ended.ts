/** Ends a command line with the status of the program that it ran, which has said why itself. */
export class Ended extends Error {
  override readonly name = 'Ended';
  readonly status: number;

  constructor(status: number) {
    super(`ended with ${status}`);
    this.status = status;
  }
}
