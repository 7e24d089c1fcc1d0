/** Where the API's description is committed, for clients and reviewers. */
export const OPENAPI_FILE = new URL("../openapi/openapi.json", import.meta.url);
