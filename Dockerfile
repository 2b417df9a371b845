# swc on CPUs:
#   docker build -t swc .
#   docker run --rm -v "$PWD:/work" --user "$(id -u):$(id -g)" swc encode in.wav out.swc
FROM python:3.13-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
COPY . /src
RUN pip wheel --no-deps --wheel-dir /wheels /src

FROM python:3.13-slim
COPY constraints.txt /
# The default index has PyTorch with CUDA, some gigabytes more.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --no-cache-dir --index-url "$TORCH_INDEX" --constraint /constraints.txt torch
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /constraints.txt /wheels/*.whl
WORKDIR /work
ENTRYPOINT ["swc"]
CMD ["--help"]
