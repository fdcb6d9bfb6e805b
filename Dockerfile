# The dashboard in a container, on the CPU, or (with the NVIDIA container toolkit) on a GPU:
#
#   docker compose up                                   # see compose.yaml
#   docker build -t proxprop .                          # --build-arg TORCH=cu130 for GPUs
#   docker run -p 127.0.0.1:8501:8501 -e PROXPROP_OPEN=1 -v proxprop:/data proxprop
#
# TORCH is a backend as uv knows it: cpu, cu130, …, or empty for the package index's own build.
ARG BASE=python:3.12-slim

FROM ${BASE} AS build
ARG TORCH=cpu
ENV UV_LINK_MODE=copy \
    UV_COMPILE_BYTECODE=1 \
    UV_PYTHON_DOWNLOADS=never \
    PIP_DISABLE_PIP_VERSION_CHECK=1
RUN --mount=type=cache,target=/root/.cache/pip pip install uv

# Dependencies first: this layer is kept as long as they are.
WORKDIR /src
COPY requirements.txt requirements.lock ./
RUN --mount=type=cache,target=/root/.cache/uv \
    uv venv /opt/proxprop \
    && uv pip install --python /opt/proxprop ${TORCH:+--torch-backend "$TORCH"} \
       -r requirements.txt --constraint requirements.lock

COPY pyproject.toml README.md LICENSE ./
COPY .streamlit ./.streamlit
COPY proxprop ./proxprop
COPY app ./app
COPY pages ./pages
RUN --mount=type=cache,target=/root/.cache/uv uv pip install --python /opt/proxprop --no-deps .

FROM ${BASE}
# As process 1 the dashboard would not hear SIGTERM before it is up; tini passes it on.
RUN apt-get update \
    && apt-get install -y --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/proxprop /opt/proxprop
ENV PATH=/opt/proxprop/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PROXPROP_HOME=/data \
    PORT=8501 \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Runs, checkpoints, downloads and the cache live in the volume, owned by who writes them.
RUN useradd --create-home --uid 10001 proxprop \
    && mkdir /data \
    && chown proxprop:proxprop /data
USER proxprop
WORKDIR /data
VOLUME /data

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"PORT\"]}/_stcore/health', timeout=4)"]

ENTRYPOINT ["tini", "--", "proxprop"]
CMD ["serve", "--host", "0.0.0.0", "--no-browser"]
