import type { Endpoint } from "../domain/endpoint.ts";
import type { ReceiverAccess } from "../domain/receiver-access.ts";
import type { Egress, EgressOutcome, EgressRequest } from "../egress/egress.ts";
import { tlsProfile, type TlsProfile } from "../egress/tls-profile.ts";
import type { Runtime } from "../runtime/runtime.ts";
import { AccessTokens } from "./oauth/access-tokens.ts";

/** Egress, with what an endpoint's receiver asks of us: our certificate, its authorities, an access token. */
export class Receivers {
  readonly #egress: Egress;
  readonly #tokens: AccessTokens;
  readonly #profiles = new WeakMap<ReceiverAccess, TlsProfile>();

  constructor(options: { egress: Egress; runtime: Runtime }) {
    this.#egress = options.egress;
    this.#tokens = new AccessTokens(options);
  }

  /** Like `Egress.post`: never rejects. */
  post(request: EgressRequest, endpoint: Endpoint): Promise<EgressOutcome> {
    const { access } = endpoint;
    if (access === null) return this.#egress.post(request);
    const secured = { ...request, ...this.#tls(access) };
    const { oauth } = access;
    return oauth === null ? this.#egress.post(secured) : this.#tokens.post(secured, { endpoint, oauth });
  }

  /** Cuts every request for a token, for good. */
  abort(): void {
    this.#tokens.abort();
  }

  #tls(access: ReceiverAccess): { tls?: TlsProfile } {
    const { identity, serverCa: ca } = access;
    if (identity === null && ca === null) return {};
    let tls = this.#profiles.get(access);
    if (tls === undefined) {
      tls = tlsProfile({ identity, ca });
      this.#profiles.set(access, tls);
    }
    return { tls };
  }
}
