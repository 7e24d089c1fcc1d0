/** This machine cannot run it; the message says what is missing. */
export class Skip extends Error {}
