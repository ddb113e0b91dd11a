# One image for all of Tipster's processes: the Debian package, built by the same scripts as `make deb` and `make run` use, and
# installed on a bare Debian. `docker compose up --build` starts everything (docker-compose.yml).
FROM debian:12-slim AS build
WORKDIR /src
# In the order in which things change, so that a new source does not fetch everything anew.
COPY tools/install tools/
RUN tools/install deb
COPY tools/deps tools/
COPY conf/librdkafka conf/librdkafka
RUN tools/deps librdkafka
COPY . .
RUN tools/package

FROM debian:12-slim
COPY --from=build /src/build-deb/tipster_*.deb /tmp/
# Versions are what Debian 12 has; ours comes from the stage above.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends systemd-standalone-sysusers /tmp/tipster_*.deb \
    && install -d -o tipster -g tipster -m 0750 /var/lib/tipster \
    && rm -rf /tmp/tipster_*.deb /var/lib/apt/lists/*
ENV BIND=0.0.0.0 OPS_BIND=0.0.0.0:5001 LOG_FORMAT=json VIEW_DIR=/var/lib/tipster/view
VOLUME /var/lib/tipster
EXPOSE 5000 5001
USER tipster
ENTRYPOINT ["tipster"]
CMD ["serve"]
