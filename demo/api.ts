/** The few calls the demo makes, over the real HTTP API, as any program would. */
export class Api {
  readonly #baseUrl: string;
  readonly #key: string;

  constructor(baseUrl: string, key: string) {
    this.#baseUrl = baseUrl;
    this.#key = key;
  }

  async get<Answer>(path: string): Promise<Answer> {
    return this.#call<Answer>("GET", path);
  }

  async post<Answer>(path: string, body: unknown): Promise<Answer> {
    return this.#call<Answer>("POST", path, body);
  }

  async #call<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(`${this.#baseUrl}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.#key}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
    return JSON.parse(text) as Answer;
  }
}
