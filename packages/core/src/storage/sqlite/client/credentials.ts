import { toCredential, toCredentialRow } from "../../credential-row.ts";
import type { CredentialStore } from "../../port-credentials.ts";
import type { Threads } from "./deliveries.ts";
import { orNull } from "./control-plane.ts";

export function credentialStore({ writer, reader }: Threads): CredentialStore {
  return {
    insert: (credential, { forget }) =>
      writer.call("insertCredential", { row: toCredentialRow(credential), forget }),
    insertFirst: (credential) => writer.call("insertFirstKey", toCredentialRow(credential)),
    find: async (hash) => orNull(await reader.call("findCredential", hash), toCredential),
    findApiKey: async (query) => orNull(await reader.call("findApiKey", query), toCredential),
    listApiKeys: async (query) => (await reader.call("listApiKeys", query)).map(toCredential),
    update: (change) => writer.call("updateCredential", change),
    expire: (query) => writer.call("expireCredential", query),
    expireOfApplication: (query) => writer.call("expireCredentialsOfApplication", query),
    redeem: async (exchange) => orNull(await writer.call("redeemCredential", exchange), toCredential),
  };
}
