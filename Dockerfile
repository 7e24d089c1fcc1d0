# The one image of Posthaste. `docker run posthaste` starts a server; `docker run posthaste COMMAND` runs
# any other command of the program.
#
# The Node is exactly the one the tests run on (devDependency `node` of package.json); a test compares them.
FROM node:26.10.0-trixie-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Sources and the packages' own package.json only: .dockerignore lists what may come in.
COPY packages packages
# No devDependency (the compilers, and the npm package `node`) and no install script gets into the image.
RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Compiled once here, so that no container has to strip types at its start, which a read-only one would do
# every time. Node files this cache by user id, hence the user; then it is made readable for everyone.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN install -d -o 1000 -g 1000 /app/.compile-cache
USER 1000:1000
RUN ["node", "/app/packages/cli/bin/posthaste.js", "start", "--help"]
USER root
RUN chmod -R a+rX /app

FROM node:26.10.0-trixie-slim
LABEL org.opencontainers.image.title="Posthaste" \
      org.opencontainers.image.description="Webhooks at full speed for creator businesses, self-hosted." \
      org.opencontainers.image.licenses="Apache-2.0"
ENV NODE_ENV=production \
    NODE_COMPILE_CACHE=/app/.compile-cache \
    POSTHASTE_HOST=0.0.0.0 \
    POSTHASTE_DATA=/data
# Owned by root: the process cannot change its own program, also without a read-only root file system.
COPY --from=build --chown=0:0 /app /app
COPY LICENSE /app/LICENSE
# The folder of the SQLite database; not used with --database.
RUN install -d -o 1000 -g 1000 -m 0700 /data
VOLUME /data
WORKDIR /data
# By number, so that Kubernetes can see that it is not root.
USER 1000:1000
EXPOSE 8071
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.POSTHASTE_PORT || 8071}/api/v1/health`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
# Node itself, without npm or a shell between it and SIGTERM.
ENTRYPOINT ["node", "/app/packages/cli/bin/posthaste.js"]
CMD ["start"]
