# A GPU node in a container: docker build -t screening . && docker run --gpus all -v "$PWD:/data" screening doctor
# What each step does stands in scripts/docker_steps. Not yet built in a container, nor run on a GPU.

FROM nvidia/cuda:13.0.1-devel-ubuntu24.04 AS build
ARG SCREENING_EXTRAS=gpu,slurm
# 7.5 Turing, 8.0 A100, 8.6 and 8.9 RTX 30 and 40, 9.0 H100; empty leaves ripser++ out
ARG RIPSERPP_ARCH="7.5 8.0 8.6 8.9 9.0"
WORKDIR /src
COPY scripts/docker_steps scripts/docker_steps
RUN ["scripts/docker_steps", "build-system", "environment"]
COPY . .
RUN ["scripts/docker_steps", "package", "ripserpp"]

FROM nvidia/cuda:13.0.1-runtime-ubuntu24.04
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility \
    SCREENING_VENV=/opt/screening \
    PATH=/opt/screening/bin:$PATH
WORKDIR /src
COPY scripts/docker_steps scripts/docker_steps
RUN ["scripts/docker_steps", "run-system", "user"]
COPY --from=build /opt/screening /opt/screening
# For scripts/gpu_selfcheck, which reads the tests beside it
COPY . .
RUN ["scripts/docker_steps", "check"]
USER 10001
WORKDIR /data
ENTRYPOINT ["screening"]
CMD ["doctor"]
