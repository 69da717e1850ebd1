# i3dbox in a container. docs/deployment.md has the commands.
#   docker build --target cpu -t i3dbox .                                            to answer
#   docker build --target cpu --build-arg EXTRAS=train,app -t i3dbox:train .         to train, too, and the page
#   docker build --target ascend -t i3dbox:ascend .
ARG CANN=8.3.rc1-910b-ubuntu22.04-py3.11

FROM python:3.11-slim-bookworm AS cpu
ARG EXTRAS=""
ARG PIP_INDEX_URL
COPY . /usr/src/i3dbox
RUN pip install --no-cache-dir --constraint /usr/src/i3dbox/constraints/py311.txt \
        "/usr/src/i3dbox${EXTRAS:+[$EXTRAS]}" \
    && useradd --create-home --uid 1000 i3dbox \
    && install --directory --owner i3dbox /work /cache
ENV I3DBOX_CACHE=/cache
USER 1000
WORKDIR /work
ENTRYPOINT ["i3dbox"]
CMD ["--help"]

# as root, to whom the driver's devices belong
FROM ascendai/cann:${CANN} AS ascend
ARG MINDSPORE=2.7.1
ARG PIP_INDEX_URL
COPY . /usr/src/i3dbox
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
RUN source /usr/local/Ascend/ascend-toolkit/set_env.sh \
    && pip install --no-cache-dir "mindspore==$MINDSPORE" "numpy<2" "setuptools<85" "sympy<2" \
        "$ASCEND_HOME_PATH"/lib64/te-*.whl "$ASCEND_HOME_PATH"/lib64/hccl-*.whl /usr/src/i3dbox
ENV I3DBOX_CACHE=/cache
WORKDIR /work
ENTRYPOINT ["/bin/bash", "-c", "source /usr/local/Ascend/ascend-toolkit/set_env.sh && exec i3dbox \"$@\"", "i3dbox"]
CMD ["env", "--ascend"]
