/** The page at `/docs`. Its styles and scripts are files of their own, so that its policy needs no exception. */
export const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>Posthaste API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/reference.css">
</head>
<body>
<noscript>The reference needs JavaScript. The same as a file: <a href="/api/v1/openapi.json">openapi.json</a>.</noscript>
<main id="reference"></main>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/reference.js"></script>
</body>
</html>
`;

/** What the viewer leaves: a readable width, no gaps round an empty bar, colours before its own are there. */
export const STYLES = `body { margin: 0; background: #fff; }
html.dark-mode body { background: #1c2022; }
noscript { display: block; padding: 24px; font: 16px system-ui, sans-serif; }
:is(body, .swagger-ui, .swagger-ui :is(p, h2, h3, h4, h5, td, th, label, button, input, select, small, .info *,
.opblock-tag, .opblock-summary-description, .parameter__name, .tab li, .btn, .opblock-summary-method)) {
  font-family: system-ui, -apple-system, "Segoe UI", sans-serif;
}
.swagger-ui .response-col_links { display: none; }
.swagger-ui .wrapper { max-width: 1120px; box-sizing: border-box; padding: 0 24px; }
.swagger-ui .info { margin: 40px 0 16px; }
.swagger-ui .scheme-container { margin: 0; padding: 8px 0; box-shadow: none; background: none; }
.swagger-ui .filter { display: block; }
.swagger-ui .filter .operation-filter-input { width: 100%; box-sizing: border-box; margin: 8px 0 16px; }
.swagger-ui .opblock .opblock-summary-path { word-break: break-word; }
@media (max-width: 600px) {
  .swagger-ui .wrapper { padding: 0 16px; }
  .swagger-ui .info { margin: 24px 0 8px; }
  .swagger-ui .filter-container, .swagger-ui .filter-container * { max-width: none; width: 100%; }
  .swagger-ui .opblock .opblock-summary-method { min-width: 64px; padding: 6px 4px; font-size: 12px; }
  .swagger-ui table.parameters td, .swagger-ui table.responses-table td { word-break: break-word; }
}
`;

/** Follows the system's light or dark, also when it changes. Nothing is sent anywhere but to this server. */
export const SCRIPT = `const dark = matchMedia("(prefers-color-scheme: dark)");
const follow = () => document.documentElement.classList.toggle("dark-mode", dark.matches);
dark.addEventListener("change", follow);
follow();
SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#reference",
  deepLinking: true,
  docExpansion: "list",
  filter: true,
  defaultModelsExpandDepth: -1,
  validatorUrl: null,
  queryConfigEnabled: false,
});
`;
