/** Stands here until the PostgreSQL store does. */
export async function migratePostgres(_options: { url: string }): Promise<{ from: number; to: number }> {
  throw new Error("This program was built without the PostgreSQL store.");
}
