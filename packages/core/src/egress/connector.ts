import { connect as connectTcp, isIPv4, type Socket } from "node:net";
import { connect as connectTls, createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import type { CancelTimer, Runtime } from "../runtime/runtime.ts";
import { mayConnect } from "./address-policy.ts";
import { connectFailure, dnsFailure, failure, tlsFailure, type Failure } from "./failure.ts";
import type { EgressRules } from "./policy.ts";
import type { Resolver } from "./resolver.ts";
import { TLS_CONTEXTS_MAX } from "../domain/limits.ts";
import type { TlsProfile } from "./tls-profile.ts";
import type { TlsSessions } from "./tls-sessions.ts";

/** TCP and TLS together; the lookup has its own bound. */
export const CONNECT_TIMEOUT_MS = 5_000;
/** A name's addresses beyond these are judged but not dialled. */
const ADDRESSES_DIALLED_MAX = 4;

const BAD_CERTIFICATES =
  "TLS does not accept the certificates that are set for this endpoint. Set them again.";

export interface ConnectTarget {
  /** Connections and TLS sessions of one are never used for another: scheme, host, port and certificates. */
  readonly origin: string;
  /** Certificates of its own. */
  readonly tls?: TlsProfile;
  readonly secure: boolean;
  readonly host: string;
  readonly literal: boolean;
  readonly port: number;
}

export interface ConnectTimings {
  readonly dnsMs: number | null;
  readonly connectMs: number | null;
  readonly tlsMs: number | null;
}

export type ConnectResult =
  | { readonly ok: true; readonly socket: Socket; readonly timings: ConnectTimings }
  | { readonly ok: false; readonly failure: Failure; readonly timings: ConnectTimings };

export interface Connecting {
  /** Gives up: `done` is not called any more. */
  cancel(): void;
  /** What cutting it off now would mean, should the deadline pass. */
  expired(): Failure;
  timings(): ConnectTimings;
}

export interface ConnectorOptions {
  readonly runtime: Runtime;
  readonly resolver: Resolver;
  readonly rules: EgressRules;
  readonly tlsSessions: TlsSessions;
  readonly connectTimeoutMs: number;
  /** PEM certificates trusted in addition to the usual authorities. */
  readonly extraCa: readonly string[];
}

/** Opens connections. The only code that does: see `ConnectionAttempt` for what it guarantees. */
export class Connector {
  readonly options: ConnectorOptions;
  #secureContext: SecureContext | undefined;
  /** By profile, the one made longest ago first. */
  readonly #contexts = new Map<string, SecureContext>();

  constructor(options: ConnectorOptions) {
    this.options = options;
  }

  /** Calls `done` once, later, unless it is cancelled first. */
  connect(target: ConnectTarget, done: (result: ConnectResult) => void): Connecting {
    const attempt = new ConnectionAttempt(this, target, done);
    attempt.run().catch((error: unknown) => attempt.crashed(error));
    return attempt;
  }

  /** Made once: parsing the authorities takes longer than many handshakes. Throws for certificates that TLS refuses. */
  secureContext(tls: TlsProfile | undefined): SecureContext {
    if (tls === undefined) return (this.#secureContext ??= this.#newContext(undefined));
    let context = this.#contexts.get(tls.id);
    if (context !== undefined) return context;
    context = this.#newContext(tls);
    if (this.#contexts.size >= TLS_CONTEXTS_MAX) {
      const [oldest] = this.#contexts.keys();
      if (oldest !== undefined) this.#contexts.delete(oldest);
    }
    this.#contexts.set(tls.id, context);
    return context;
  }

  #newContext(tls: TlsProfile | undefined): SecureContext {
    const added = [...this.options.extraCa, ...(tls === undefined || tls.ca === null ? [] : [tls.ca])];
    const ca = added.length > 0 ? { ca: [...getCACertificates("default"), ...added] } : {};
    const identity =
      tls === undefined || tls.identity === null ? {} : { cert: tls.identity, key: tls.identity };
    return createSecureContext({ ...ca, ...identity, minVersion: "TLSv1.2" });
  }
}

/**
 * One connection being opened: look up → judge every address → dial → judge the peer → TLS.
 *
 * An address is always dialled as a literal that was judged in the same step, so no second lookup can slip
 * another one in; one forbidden record refuses the name; and the address the kernel says it is connected to is
 * judged once more before a byte is sent.
 */
class ConnectionAttempt implements Connecting {
  readonly #connector: Connector;
  readonly #target: ConnectTarget;
  #done: ((result: ConnectResult) => void) | null;
  #socket: Socket | null = null;
  #cancelTimer: CancelTimer | null = null;
  #cancelShare: CancelTimer | null = null;
  #phase: "dns" | "connect" | "tls" = "connect";
  #phaseStartMs = 0;
  #dnsMs: number | null = null;
  #connectMs: number | null = null;
  #tlsMs: number | null = null;

  constructor(connector: Connector, target: ConnectTarget, done: (result: ConnectResult) => void) {
    this.#connector = connector;
    this.#target = target;
    this.#done = done;
  }

  timings(): ConnectTimings {
    return { dnsMs: this.#dnsMs, connectMs: this.#connectMs, tlsMs: this.#tlsMs };
  }

  expired(): Failure {
    if (this.#phase === "dns")
      return dnsFailure({ ok: false, reason: "timeout", detail: "deadline during lookup" });
    if (this.#phase === "connect") return failure("connect_timeout", "deadline during connect");
    return failure(
      "tls_failed",
      "deadline during the TLS handshake",
      "The server accepted the connection but did not finish the TLS handshake in time.",
    );
  }

  cancel(): void {
    this.#done = null;
    this.#cancelTimer?.();
    this.#cancelShare?.();
    this.#socket?.destroy();
  }

  async run(): Promise<void> {
    const addresses = await this.#addresses();
    if (!this.#done || !addresses) return;
    const { runtime, connectTimeoutMs } = this.#connector.options;
    this.#begin("connect");
    this.#cancelTimer = runtime.timers.after(connectTimeoutMs, () => this.#fail(this.expired()));
    this.#dial(addresses.slice(0, ADDRESSES_DIALLED_MAX), 0);
  }

  /** A resolver that rejects or a bug here: the request fails, the process stays. */
  crashed(error: unknown): void {
    this.#fail(failure("connect_failed", error instanceof Error ? error.message : String(error)));
  }

  /** Judged addresses to dial, or null after failing. */
  async #addresses(): Promise<readonly string[] | null> {
    const { resolver, rules } = this.#connector.options;
    const { host, literal, port } = this.#target;
    let addresses: readonly string[] = [host];
    if (!literal) {
      this.#begin("dns");
      const resolution = await resolver.resolve(host);
      this.#dnsMs = this.#elapsed();
      if (!resolution.ok) return this.#fail(dnsFailure(resolution));
      addresses = resolution.addresses;
    }
    const forbidden = addresses.find((address) => !mayConnect(address, port, rules));
    if (forbidden === undefined && addresses.length > 0) return addresses;
    return this.#fail(failure("egress_denied", `${host} leads to ${forbidden ?? "no address"} port ${port}`));
  }

  /** Tries one address after the other; an early one gets its share of the time only. */
  #dial(addresses: readonly string[], index: number): void {
    const { runtime, rules, connectTimeoutMs } = this.#connector.options;
    const address = addresses[index] ?? "";
    const last = index >= addresses.length - 1;
    const { port } = this.#target;
    if (!mayConnect(address, port, rules)) {
      this.#fail(failure("egress_denied", `${address} port ${port}`));
      return;
    }
    const socket = connectTcp({ host: address, port, family: isIPv4(address) ? 4 : 6, noDelay: true });
    this.#socket = socket;
    if (!last)
      this.#cancelShare = runtime.timers.after(connectTimeoutMs / addresses.length, () => giveUp(null));
    const giveUp = (error: Error | null): void => {
      socket.removeAllListeners("connect").destroy();
      if (!this.#done || this.#socket !== socket) return;
      this.#cancelShare?.();
      if (last) this.#fail(error ? connectFailure(error) : failure("connect_timeout", address));
      else this.#dial(addresses, index + 1);
    };
    // Stays for good: whoever uses the socket later adds its own, and an error must never go unheard.
    socket.on("error", (error) => {
      if (this.#phase === "connect" && this.#connectMs === null) giveUp(error);
    });
    socket.once("connect", () => {
      this.#cancelShare?.();
      this.#connected(socket);
    });
  }

  #connected(socket: Socket): void {
    const { rules } = this.#connector.options;
    const { host, port, secure } = this.#target;
    this.#connectMs = this.#elapsed();
    // Both come from the kernel; undefined means the peer is gone already.
    const peer = socket.remoteAddress ?? "";
    if (peer === "") this.#fail(failure("connect_failed", "closed while connecting"));
    else if (!mayConnect(peer, socket.remotePort ?? port, rules)) {
      this.#fail(failure("egress_denied", `${host}: connected to ${peer}`));
    } else if (secure) this.#handshake(socket);
    else this.#succeed(socket);
  }

  #handshake(tcp: Socket): void {
    const { tlsSessions } = this.#connector.options;
    const { origin, host, literal, tls } = this.#target;
    this.#begin("tls");
    let secureContext: SecureContext;
    try {
      secureContext = this.#connector.secureContext(tls);
    } catch (error) {
      this.#fail(
        failure("tls_failed", error instanceof Error ? error.message : "certificates", BAD_CERTIFICATES),
      );
      return;
    }
    const known = tlsSessions.get(origin);
    const socket = connectTls({
      socket: tcp,
      // The name the certificate must be for. An address is checked as such and never sent as SNI.
      host,
      ...(literal ? {} : { servername: host }),
      ...(known ? { session: known } : {}),
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: true,
      secureContext,
    });
    this.#socket = socket;
    socket.on("error", (error) => this.#fail(tlsFailure(error)));
    socket.once("close", () => this.#fail(failure("tls_failed", "closed during the TLS handshake")));
    // A resumed session skips the check of the host name. Node.js tells a session only after that check.
    socket.on("session", (session) => tlsSessions.put(origin, session));
    socket.once("secureConnect", () => {
      this.#tlsMs = this.#elapsed();
      if (socket.authorized) this.#succeed(socket);
      else this.#fail(failure("tls_failed", "not authorized"));
    });
  }

  #succeed(socket: Socket): void {
    const done = this.#done;
    this.#done = null;
    this.#cancelTimer?.();
    if (done) done({ ok: true, socket, timings: this.timings() });
    else socket.destroy();
  }

  #fail(why: Failure): null {
    const done = this.#done;
    if (!done) return null;
    this.cancel();
    done({ ok: false, failure: why, timings: this.timings() });
    return null;
  }

  #begin(phase: "dns" | "connect" | "tls"): void {
    this.#phase = phase;
    this.#phaseStartMs = this.#connector.options.runtime.clock.monotonic();
  }

  #elapsed(): number {
    return this.#connector.options.runtime.clock.monotonic() - this.#phaseStartMs;
  }
}
