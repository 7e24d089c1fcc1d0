import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Browser, Page } from "playwright-core";
import { launchBrowser } from "../testing/browser.ts";
import { startTestServer, type TestServer } from "../testing/test-server.ts";

// A browser takes its time on a busy machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let server: TestServer;
let browser: Browser;
let url: string;

beforeAll(async () => {
  server = await startTestServer();
  url = await server.app.listen({ host: "127.0.0.1", port: 0 });
  browser = await launchBrowser();
});
afterAll(async () => {
  await browser?.close();
  await server.close();
});

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 390, height: 844 };

/** Opens the reference; `faults` gathers what the browser complains of and what it asked others for. */
async function open(
  viewport: typeof DESKTOP,
  colorScheme: "light" | "dark" = "light",
): Promise<{ page: Page; faults: string[] }> {
  const page = await browser.newPage({ viewport, colorScheme });
  const faults: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("pageerror", (error) => faults.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith("data:")) faults.push(request.url());
  });
  await page.goto(`${url}/docs`);
  await page.locator(".opblock").first().waitFor();
  return { page, faults };
}

describe("the API reference in a browser", () => {
  it("lists every operation, asks nobody else and breaks no rule of its policy", async () => {
    const { page, faults } = await open(DESKTOP);
    const document = JSON.parse((await server.call("GET", "/api/v1/openapi.json")).text) as {
      paths: Record<string, object>;
    };
    const operations = Object.values(document.paths).flatMap((methods) => Object.keys(methods));
    expect(await page.locator(".opblock").count()).toBe(operations.length);
    await page.locator(".opblock-summary", { hasText: "/api/v1/app" }).first().click();
    await page.locator(".opblock-body").first().waitFor();
    expect(await page.locator(".opblock-body").first().innerText()).toContain("iterator");
    expect(faults).toEqual([]);
    await page.close();
  });

  it("tries an operation against this server with a key", async () => {
    const { page, faults } = await open(DESKTOP);
    await page.locator(".auth-wrapper > .btn.authorize").click();
    await page.locator(".dialog-ux input").fill(server.live.key);
    await page.locator(".dialog-ux button[type=submit]").click();
    await page.locator(".dialog-ux .btn-done").click();
    await page.locator(".opblock-summary-control", { hasText: "List Applications" }).click();
    await page.locator(".try-out__btn").click();
    await page.locator(".btn.execute").click();
    await page.locator(".live-responses-table .response-col_status").last().waitFor();
    expect(await page.locator(".live-responses-table").innerText()).toContain("200");
    expect(faults).toEqual([]);
    await page.close();
  });

  it.each([
    ["desktop", DESKTOP],
    ["phone", PHONE],
  ] as const)("fits a %s, in light and in dark", async (_name, viewport) => {
    const backgrounds: string[] = [];
    for (const scheme of ["light", "dark"] as const) {
      const { page, faults } = await open(viewport, scheme);
      await page.locator(".opblock-summary").nth(1).click();
      await page.locator(".opblock-body").first().waitFor();
      expect(await page.evaluate<number>("document.documentElement.scrollWidth")).toBeLessThanOrEqual(
        viewport.width,
      );
      backgrounds.push(await page.evaluate<string>("getComputedStyle(document.body).backgroundColor"));
      expect(faults).toEqual([]);
      await page.close();
    }
    expect(new Set(backgrounds).size).toBe(2);
  });
});

describe("the API reference over HTTP", () => {
  it("is sent with a strict policy, packed or plain", async () => {
    for (const path of [
      "/docs",
      "/docs/reference.js",
      "/docs/swagger-ui-bundle.js",
      "/docs/swagger-ui.css",
    ]) {
      const plain = await server.app.inject({ url: path });
      expect(plain.statusCode).toBe(200);
      const policy = String(plain.headers["content-security-policy"]);
      expect(policy).toContain("default-src 'none'");
      expect(policy).not.toMatch(/unsafe|https?:|\*/);
      const packed = await server.app.inject({ url: path, headers: { "accept-encoding": "br, gzip" } });
      expect(packed.headers["content-encoding"]).toBe("gzip");
      expect(packed.rawPayload.length).toBeLessThan(plain.rawPayload.length);
    }
    expect((await server.call("POST", "/docs", { body: {} })).status).toBe(404);
  });
});
