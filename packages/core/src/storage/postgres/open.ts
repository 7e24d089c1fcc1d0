import type { Store } from "../port.ts";

/** Stands here until the PostgreSQL store does. */
export async function openPostgresStore(_options: {
  url: string;
  onProblem: (error: Error) => void;
}): Promise<Store> {
  throw new Error("This program was built without the PostgreSQL store.");
}
