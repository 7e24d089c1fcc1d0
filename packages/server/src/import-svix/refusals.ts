/** The copy cannot go on: the sentence says what to do. */
export class ImportStopped extends Error {
  override readonly name = "ImportStopped";
}

/** What the API answered to a request that it did not do. */
export class Refused extends Error {
  override readonly name = "Refused";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const GO_ON = "Run the command again: what is there already is not copied twice.";
