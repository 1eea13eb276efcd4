# Training, evaluation and export: torch, on the processor unless pip finds a CUDA build.
#   docker compose --profile training run --build training
# PyTorch's CPU build: set PIP_EXTRA_INDEX_URL or PIP_FIND_LINKS to where pip finds it first, or
# several gigabytes of CUDA come along.
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

FROM ${PYTHON_IMAGE} AS build
ARG PIP_EXTRA_INDEX_URL=
ARG PIP_FIND_LINKS=
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /source
RUN python -m venv --without-pip /opt/cardioquery
COPY requirements requirements
# Without dependencies: those of torch are in the list, torch itself is not.
RUN python -m pip --python /opt/cardioquery/bin/python install \
      --no-deps --require-hashes -r requirements/train.txt \
 && python -m pip --python /opt/cardioquery/bin/python install -r requirements/torch.txt
COPY . .
RUN python -m pip --python /opt/cardioquery/bin/python install --no-deps --no-build-isolation .

FROM ${PYTHON_IMAGE} AS training
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="CardioQuery training" \
      org.opencontainers.image.description="Trains, evaluates and exports CardioQuery's model; research use only, not a medical device" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /opt/cardioquery /opt/cardioquery
COPY model_training/recipes/configs /etc/cardioquery/configs
COPY docker/train.sh /opt/cardioquery/bin/train
# The recipes write runs/, docs/measured/results/ and service/bundle/ where they are started.
RUN useradd --uid 10001 --user-group --create-home --home-dir /workspace \
      --shell /usr/sbin/nologin cardioquery \
 && install --directory --owner=cardioquery --group=cardioquery \
      /workspace/docs /workspace/docs/measured /workspace/docs/measured/results /workspace/service
ENV PATH=/opt/cardioquery/bin:$PATH PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1 \
    CARDIOQUERY_REVISION=${REVISION} MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
WORKDIR /workspace
ENTRYPOINT ["train"]
CMD ["/etc/cardioquery/configs/ptbxl_tokens.yaml"]
