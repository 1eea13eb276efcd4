# The service: no torch, no compiler, no pip; a user of its own; works on a read-only root.
#   make image                     # or: docker build -f docker/service.Dockerfile .
#   ONNXRUNTIME=gpu make image     # with onnxruntime's CUDA build
# Where images are fetched by digest: --build-arg PYTHON_IMAGE=python@sha256:...
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG ONNXRUNTIME=cpu
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
# Without pip in it: that of the base image installs into it.
RUN python -m venv --without-pip /opt/cardioquery

# What changes seldom comes first: a change of the code installs no dependency anew.
COPY requirements requirements
RUN python -m pip --python /opt/cardioquery/bin/python install \
      --no-compile --require-hashes -r "requirements/${ONNXRUNTIME}.txt" \
 # Tests of libraries, pydicom's sample files and palettes, and onnxruntime's tools for optimising
 # transformers, which nothing here reads.
 && find /opt/cardioquery/lib -type d \( -name tests -o -path '*/onnxruntime/transformers' \) \
      -prune -exec rm -rf {} + \
 && find /opt/cardioquery/lib -path '*/pydicom/data/*.dcm' -delete

COPY . .
RUN python -m pip --python /opt/cardioquery/bin/python install \
      --no-compile --no-deps --no-build-isolation . \
 && python -m pip --python /opt/cardioquery/bin/python uninstall --yes -r docker/not-loaded.txt \
 # The whole line once: an image that cannot answer is not built. What it loads is byte-compiled,
 # since a read-only root cannot be written to later.
 && PYTHONDONTWRITEBYTECODE='' PYTHONSAFEPATH=1 \
      /opt/cardioquery/bin/python -m cardioquery.demo

FROM ${PYTHON_IMAGE} AS service
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="CardioQuery" \
      org.opencontainers.image.description="Diagnoses 12-lead ECGs against conditions asked in words; research use only, not a medical device" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/cardioquery /opt/cardioquery
COPY docker/healthcheck.py /opt/cardioquery/healthcheck.py
# The linker finds CUDA's libraries where pip has put them; for cpu there are none.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /var/lib/cardioquery \
      --shell /usr/sbin/nologin cardioquery \
 && install --directory --owner=cardioquery --group=cardioquery --mode=0700 /var/lib/cardioquery \
 && find /opt/cardioquery -type d -path '*/nvidia/*/lib' > /etc/ld.so.conf.d/cardioquery.conf \
 && ldconfig
ENV PATH=/opt/cardioquery/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CARDIOQUERY_HOST=0.0.0.0 \
    CARDIOQUERY_STORE_PATH=/var/lib/cardioquery/conditions.sqlite3
USER 10001:10001
WORKDIR /var/lib/cardioquery
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "/opt/cardioquery/healthcheck.py"]
ENTRYPOINT ["cardioquery"]
CMD ["serve"]
