import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { IDENTITY_CERTIFICATES_MAX, RSA_KEY_MAX_BITS, TLS_PEM_MAX_CHARS } from "../domain/limits.ts";

/** What is presented and trusted beside the usual on the connections of one endpoint. */
export interface TlsProfile {
  /** Tells it from every other one: connections and TLS sessions are shared only inside one profile. */
  readonly id: string;
  /** PEM: certificate, chain and private key that we present; null = none. */
  readonly identity: string | null;
  /** PEM: authorities trusted besides the usual ones; null = none. */
  readonly ca: string | null;
}

export function tlsProfile({ identity, ca }: Omit<TlsProfile, "id">): TlsProfile {
  const id = createHash("sha256")
    .update(JSON.stringify([identity, ca]))
    .digest("base64url");
  return { id, identity, ca };
}

export type PemVerdict = { readonly ok: true } | { readonly ok: false; readonly message: string };

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g;
/** Certificates, a key and its parameters; each that has no end is looked for to the end of the text. */
const BLOCKS_MAX = IDENTITY_CERTIFICATES_MAX + 2;

/** Judges what a person gives as our identity towards a receiver. `now`: milliseconds since the epoch. */
export function checkIdentity(pem: string, now: number): PemVerdict {
  const unfit = judgeSize(pem);
  if (unfit !== null) return refuse(unfit);
  const blocks = [...pem.matchAll(BLOCK)];
  const keys = blocks.filter(([, kind = ""]) => kind.endsWith("PRIVATE KEY"));
  const [key] = keys;
  if (key === undefined || keys.length > 1) {
    return refuse("Must hold exactly one private key in PEM, beside the certificate.");
  }
  if (key[1] === "ENCRYPTED PRIVATE KEY" || key[0].includes("ENCRYPTED")) {
    return refuse("The private key is protected by a password. Give it without one.");
  }
  const certificates = certificatesOf(pem);
  if (typeof certificates === "string") return refuse(certificates);
  const [own] = certificates;
  if (own === undefined) return refuse("Must hold the certificate in PEM, beside the private key.");
  try {
    const privateKey = createPrivateKey(key[0]);
    if ((privateKey.asymmetricKeyDetails?.modulusLength ?? 0) > RSA_KEY_MAX_BITS) {
      return refuse(`The RSA key has more than ${RSA_KEY_MAX_BITS} bits. Give a smaller one, or EC.`);
    }
    if (!own.checkPrivateKey(privateKey)) {
      return refuse(
        "The private key does not belong to the first certificate. Put our own certificate first.",
      );
    }
  } catch {
    return refuse("The private key cannot be read. Give it as PEM, PKCS #8.");
  }
  const outdated = judgeDates(certificates, now);
  if (outdated !== null) return refuse(outdated);
  try {
    createSecureContext({ cert: pem, key: key[0] });
    return { ok: true };
  } catch {
    return refuse(
      "TLS does not accept this certificate and key. They may be too weak: use RSA of 2048 bits or EC.",
    );
  }
}

/** Judges what a person gives as the authorities of a receiver's certificate. */
export function checkServerCa(pem: string, now: number): PemVerdict {
  const unfit = judgeSize(pem);
  if (unfit !== null) return refuse(unfit);
  if (pem.includes("PRIVATE KEY")) return refuse("Contains a private key. Give certificates only.");
  const certificates = certificatesOf(pem);
  if (typeof certificates === "string") return refuse(certificates);
  if (certificates.length === 0) return refuse("Must hold at least one certificate in PEM.");
  if (certificates.some(({ ca }) => !ca)) {
    return refuse(
      "Holds a certificate that is not one of an authority. Give the one that signed the server's.",
    );
  }
  const outdated = judgeDates(certificates, now);
  return outdated === null ? { ok: true } : refuse(outdated);
}

function judgeSize(pem: string): string | null {
  if (pem.length > TLS_PEM_MAX_CHARS) return `Is longer than ${TLS_PEM_MAX_CHARS} characters.`;
  if (pem.split("-----BEGIN").length - 1 > BLOCKS_MAX) return `Holds more than ${BLOCKS_MAX} blocks of PEM.`;
  return null;
}

/** The certificates in it, in order, or what is wrong with them. */
function certificatesOf(pem: string): X509Certificate[] | string {
  const blocks = [...pem.matchAll(BLOCK)].filter(([, kind]) => kind === "CERTIFICATE");
  if (blocks.length > IDENTITY_CERTIFICATES_MAX) {
    return `Holds more than ${IDENTITY_CERTIFICATES_MAX} certificates.`;
  }
  try {
    return blocks.map(([block]) => new X509Certificate(block));
  } catch {
    return "A certificate in it cannot be read. Give PEM as your authority made it.";
  }
}

function judgeDates(certificates: readonly X509Certificate[], now: number): string | null {
  if (certificates.some(({ validToDate }) => validToDate.getTime() <= now)) {
    return "A certificate in it has expired. Give one that is valid.";
  }
  return null;
}

function refuse(message: string): PemVerdict {
  return { ok: false, message };
}
