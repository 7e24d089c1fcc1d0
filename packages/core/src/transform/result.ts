import { TRANSFORMED_METHODS, type TransformedMethod } from "../domain/transformation.ts";
import { checkHeaders } from "../egress/header-policy.ts";
import type { TransformOutcome, TransformRequest } from "./transformer.ts";

const URL_MAX_CHARS = 65_536;

/** Reads what the sandbox returned: a line about the request, then the payload. Nothing in it is trusted. */
export function readResult(text: string, { payload }: Pick<TransformRequest, "payload">): TransformOutcome {
  const end = text.indexOf("\n");
  let head: Record<string, unknown>;
  try {
    head = JSON.parse(text.slice(0, end));
  } catch {
    return failed("The transformation did not return a webhook.");
  }
  const { url, method = "POST", headers = {}, cancel, asStored } = head;
  if (typeof url !== "string" || url === "" || url.length > URL_MAX_CHARS) {
    return failed("The transformation returned a webhook whose url is no text.");
  }
  if (!isMethod(method)) {
    return failed(
      `The transformation returned a webhook whose method is not one of ${TRANSFORMED_METHODS.join(", ")}.`,
    );
  }
  if (!isTextRecord(headers)) {
    return failed("The transformation returned a webhook whose headers are not an object of texts.");
  }
  const verdict = checkHeaders(headers);
  if (!verdict.ok)
    return failed(`The transformation returned a header that cannot be sent: ${verdict.message}`);
  const body = asStored === true ? payload : text.slice(end + 1);
  return { kind: "transformed", url, method, headers, payload: body, cancel: cancel === true };
}

export function failed(message: string): TransformOutcome {
  return { kind: "failed", message };
}

function isMethod(value: unknown): value is TransformedMethod {
  return TRANSFORMED_METHODS.some((method) => method === value);
}

function isTextRecord(value: unknown): value is Record<string, string> {
  return (
    typeof value === "object" &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((item) => typeof item === "string")
  );
}
