import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DEV_POLICY } from "./policy.ts";
import { BAD_URL_HOSTS } from "./testing/bad-hosts.ts";
import { LOOPBACK_RULES, PUBLIC_RULES, rulesOf } from "./testing/test-egress.ts";
import { checkUrl, URL_MAX_LENGTH } from "./url-policy.ts";

const LIVE_RULES = rulesOf({ allowHttp: false });

const messageOf = (url: string, rules = PUBLIC_RULES): string => {
  const checked = checkUrl(url, rules);
  return checked.ok ? `allowed: ${checked.href}` : checked.message;
};

describe("checkUrl", () => {
  it.each(BAD_URL_HOSTS)("refuses the host %s under the public policy", (host) => {
    for (const url of [`https://${host}/hook`, `http://${host}:8080/hook`]) {
      expect(messageOf(url)).not.toContain("allowed");
    }
  });

  it.each([
    "https://example.com",
    "https://hooks.example.com/a/b?c=d#e",
    "https://example.com./hook",
    "https://EXAMPLE.com:8443/",
    "https://bücher.example.com/",
    "https://xn--bcher-kva.example.com/",
    "https://my_host.example.com/",
    "https://hooks.zapier.com/hooks/catch/1234567/abcdef/",
    "https://hook.eu1.make.com/abcdefghijklmnop",
    "https://discord.com/api/webhooks/123/abc",
    "https://8.8.8.8/hook",
    "https://[2606:4700:4700::1111]/hook",
    "https://example.com:65535/",
    "https://a.co/",
    "https://10.example.com/",
    "https://localhost.example.com/",
    "https://internal.example.com/",
  ])("allows %s", (url) => {
    expect(checkUrl(url, LIVE_RULES)).toMatchObject({ ok: true });
  });

  it("takes a URL apart once, canonical and without the trailing dot", () => {
    expect(
      checkUrl("https://Hooks.Bücher.example.com.:8443/a b".replace(" ", "%20") + "?q=1#f", LIVE_RULES),
    ).toEqual({
      ok: true,
      href: "https://hooks.xn--bcher-kva.example.com:8443/a%20b?q=1#f",
      origin: "https://hooks.xn--bcher-kva.example.com:8443",
      secure: true,
      host: "hooks.xn--bcher-kva.example.com",
      literal: false,
      port: 8443,
      path: "/a%20b?q=1",
    });
    expect(checkUrl("https://[2606:4700::1]", LIVE_RULES)).toMatchObject({
      origin: "https://[2606:4700::1]",
      host: "2606:4700::1",
      literal: true,
      port: 443,
      path: "/",
    });
    expect(checkUrl("https://134744072/", LIVE_RULES)).toMatchObject({
      host: "8.8.8.8",
      origin: "https://8.8.8.8",
    });
  });

  it.each([
    "file:///etc/passwd",
    "gopher://example.com/",
    "ftp://example.com/",
    "unix:/var/run/docker.sock",
    "ws://example.com/",
  ])("refuses the scheme of %s", (url) => {
    expect(messageOf(url)).toBe("The URL must start with https:// or http:// and a host name.");
    expect(messageOf(url, LIVE_RULES)).toBe("The URL must start with https:// and a host name.");
  });

  it("refuses http unless the policy allows it", () => {
    expect(messageOf("http://example.com/", LIVE_RULES)).toBe("The URL must start with https://.");
    expect(messageOf("http://example.com/")).toBe("allowed: http://example.com/");
  });

  it.each([
    "",
    "example.com/hook",
    "//example.com/",
    "https:example.com",
    "https:/example.com",
    "https:///example.com",
    "https:////example.com",
    "data:text/plain,x",
    "javascript:alert(1)",
    "blob:https://example.com/x",
    "https://",
    "https://?x",
    "https://#x",
  ])("refuses %j, which the parser would complete or turn around", (url) => {
    expect(messageOf(url)).toContain("must start with");
  });

  it.each([
    "https://user:password@example.com/",
    "https://user@example.com/",
    "https://@example.com/",
    "https://:@example.com/",
    "https://example.com@127.0.0.1/",
    "https://a@b@example.com/",
    "https://127.0.0.1@example.com/",
    "https://user%40example.com@evil.example.com/",
  ])("refuses the user information in %s", (url) => {
    expect(messageOf(url)).toContain("user name or password");
  });

  it.each([
    "https://good.example.com\\@127.0.0.1/",
    "https://good.example.com\\.evil.example.com/",
    "https:\\\\127.0.0.1/",
    "https://exa\nmple.com/",
    "https://exa\tmple.com/",
    " https://example.com/",
    "https://example.com/\r\nHost: evil",
    "https://example.com/ HTTP/1.1",
    "https://example.com/\u0000",
    "https://example.com/\u007f",
  ])("refuses %j, which two parsers may read in two ways", (url) => {
    expect(messageOf(url)).toContain("space, a line break or a backslash");
  });

  it.each([
    "https://exa mple.com/".replace(" ", "%20"),
    "https://exam<ple.com/",
    "https://[::1",
    "https://[fe80::1%25eth0]/",
    "https://xn--a/",
    "https://1.2.3.4.5/",
    "https://256.256.256.256/",
    "https://example.com:99999/",
    "https://example.com:abc/",
    "https://example.com:-1/",
    "https://ex%00ample.com/",
    "https://%2e/",
    `https://${"a".repeat(64)}.example.com/`,
    `https://${"abcdefg.".repeat(32)}example.com/`,
    "https://a;b.example.com/",
    "https://$.example.com/",
  ])("refuses %s, whose host or port is not valid", (url) => {
    expect(messageOf(url)).not.toContain("allowed");
  });

  it.each([
    0, 1, 22, 25, 53, 79, 81, 110, 143, 445, 993, 1023, 2375, 3306, 5432, 6379, 6667, 9200, 10_250, 11_211,
    27_017,
  ])("refuses port %i", (port) => {
    expect(messageOf(`https://example.com:${port}/`)).toContain(`Port ${port} is not allowed`);
  });

  it("lets a name use a port that an allowed network names, and judges its addresses later", () => {
    const rules = rulesOf({ allowedNetworks: ["10.0.0.5:25"] });
    expect(checkUrl("http://mail.internal:25/", rules)).toMatchObject({ ok: true, literal: false });
    expect(checkUrl("http://10.0.0.5:25/", rules)).toMatchObject({ ok: true });
    expect(checkUrl("http://10.0.0.6:25/", rules)).toMatchObject({ ok: false });
    expect(checkUrl("http://8.8.8.8:25/", rules)).toMatchObject({ ok: false });
    expect(checkUrl("http://mail.internal:26/", rules)).toMatchObject({ ok: false });
  });

  it("opens localhost only with the loopback network, private names with any network", () => {
    const office = rulesOf({ allowedNetworks: ["10.0.0.0/8"] });
    expect(checkUrl("http://crm.internal/", office)).toMatchObject({ ok: true });
    expect(checkUrl("http://crm:8080/", office)).toMatchObject({ ok: true });
    expect(checkUrl("http://localhost:3000/", office)).toMatchObject({ ok: false });
    expect(checkUrl("http://localhost:3000/", LOOPBACK_RULES)).toMatchObject({ ok: true, host: "localhost" });
    expect(checkUrl("http://shop.localhost:3000/", rulesOf(DEV_POLICY))).toMatchObject({ ok: true });
  });

  it("refuses the service's own names in every spelling", () => {
    const rules = rulesOf({ deniedHosts: ["Hooks.Our-Service.com"] });
    for (const host of ["hooks.our-service.com", "HOOKS.our-service.com", "hooks.our-service.com."]) {
      expect(messageOf(`https://${host}/`, rules)).toContain("points back to this service");
    }
    expect(checkUrl("https://our-service.com/", rules)).toMatchObject({ ok: true });
  });

  it("bounds the length", () => {
    const url = `https://example.com/${"a".repeat(URL_MAX_LENGTH)}`;
    expect(messageOf(url)).toBe(`The URL is longer than ${URL_MAX_LENGTH} characters.`);
  });

  it("never says which address it read", () => {
    for (const host of BAD_URL_HOSTS.filter((bad) => /^[0-9a-fx.]+$/i.test(bad))) {
      expect(messageOf(`https://${host}/`)).toMatch(/^The URL points to a private or reserved address\./);
    }
  });

  it("never throws, and what it allows parses again to the same place", () => {
    const text = fc.oneof(
      fc.webUrl({ withFragments: true, withQueryParameters: true }),
      fc.string({ unit: "binary" }).map((rest) => `https://${rest}`),
      fc.string({ unit: "grapheme" }).map((host) => `http://${host}:8080/`),
      fc.string(),
    );
    fc.assert(
      fc.property(text, (url) => {
        const checked = checkUrl(url, PUBLIC_RULES);
        if (!checked.ok) return;
        expect(checkUrl(checked.href, PUBLIC_RULES)).toEqual(checked);
        expect(checked.path).toMatch(/^\/[!-~]*$/);
      }),
      { numRuns: 2_000 },
    );
  });
});
