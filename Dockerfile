# The dashboard in a container, on the CPU or (with the NVIDIA container toolkit) on a GPU:
#
#   docker build -t proxprop .
#   docker run -p 8501:8501 -v proxprop:/data proxprop
#   docker run -p 8501:8501 -v proxprop:/data --gpus all proxprop
#
# PyTorch's default build runs on both and is large. For a small image without GPU support, pass the
# address of PyTorch's package index for the CPU: --build-arg TORCH_INDEX_URL=...
FROM python:3.12-slim

ARG TORCH_INDEX_URL=""

ENV PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PROXPROP_HOME=/data \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

WORKDIR /opt/proxprop

# Dependencies first: this layer is kept as long as the requirements are.
COPY requirements.txt ./
RUN grep -E '^torch' requirements.txt > torch.txt \
    && pip install ${TORCH_INDEX_URL:+--index-url "$TORCH_INDEX_URL"} -r torch.txt \
    && pip install -r requirements.txt \
    && rm torch.txt

COPY pyproject.toml README.md LICENSE ./
COPY .streamlit ./.streamlit
COPY proxprop ./proxprop
COPY app ./app
COPY pages ./pages
RUN pip install --no-deps --editable .

# Runs, checkpoints, downloads and the cache live in the volume, owned by who writes them.
RUN useradd --create-home --uid 10001 proxprop \
    && mkdir /data \
    && chown proxprop:proxprop /data
USER proxprop
VOLUME /data

EXPOSE 8501
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]

ENTRYPOINT ["proxprop"]
CMD ["serve", "--host", "0.0.0.0", "--no-browser"]
