# The gateway as one program on a small Debian. docs/deploy.md says how to run it.
FROM denoland/deno:debian-2.9.6 AS build
WORKDIR /build
COPY deno.json deno.lock main.ts LICENSE README.md CHANGELOG.md ./
COPY src src
COPY scripts scripts
RUN deno run --allow-all scripts/compile.ts --output /build/clara-gateway

FROM debian:bookworm-slim
# Certificates for the model's provider; a process 1 that takes in orphans of tools.
RUN apt-get update \
  && apt-get install --yes --no-install-recommends ca-certificates tini \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin clara \
  && install --directory --owner clara --group clara --mode 0700 /data
COPY --from=build /build/clara-gateway /usr/local/bin/clara-gateway
USER 10001
# Settings and files of the operator (mcp.json, tools.yaml, hooks), and the store below it.
WORKDIR /data
VOLUME /data
ENV HOME=/data CLARA_DATA_DIR=/data/store CLARA_GATEWAY_HOST=0.0.0.0 CLARA_LOG_FORMAT=json
EXPOSE 18789
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s CMD ["clara-gateway", "status"]
ENTRYPOINT ["tini", "--", "clara-gateway"]
CMD ["run"]
