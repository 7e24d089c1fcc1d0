/** Whether events can be accepted, and why not. */
export type Health = { readonly ok: true } | { readonly ok: false; readonly reason: string };
