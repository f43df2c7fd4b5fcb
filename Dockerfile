# The image sagemaker-mlp: one program on a slim Debian, for amd64. Builds with BuildKit and with the
# classic builder. Its tests: test/container/Dockerfile.
#
#   docker build -t sagemaker-mlp:dev .
ARG BASE=debian:trixie-slim

# Compiles the program, with all libraries but oneDNN and the compiler's own inside.
FROM ${BASE} AS build
WORKDIR /src
COPY tools/packages tools/install tools/
RUN tools/install build && rm -rf /var/lib/apt/lists/*
COPY CMakeLists.txt ./
COPY cmake cmake
COPY model model
COPY runtime runtime
COPY entrypoint entrypoint
COPY tools/demo tools/demo
RUN cmake -S . -B /build -G Ninja -DCMAKE_BUILD_TYPE=Release -DMLP_STATIC_LIBRARIES=ON -DMLP_BUILD_TESTS=OFF \
 && cmake --build /build --target mlp \
 && strip --strip-all -o /usr/local/bin/mlp /build/bin/mlp \
 && mlp --version
# The licence texts of what is inside the program, in the versions that went in.
RUN mkdir /third-party \
 && cd /usr/share/doc \
 && cp --parents libhdf5-dev/copyright libaec-dev/copyright zlib1g-dev/copyright libminizip-dev/copyright \
      libdeflate-dev/copyright libzstd-dev/copyright libcxxopts-dev/copyright nlohmann-json3-dev/copyright \
      libspdlog-dev/copyright libfmt-dev/copyright libboost-dev/copyright -t /third-party

# What is delivered: the program, and the packages that it needs at run time.
FROM ${BASE}
COPY tools/packages tools/install /tmp/setup/
RUN /tmp/setup/install image \
 && rm -rf /tmp/setup /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old \
      /var/cache/ldconfig/aux-cache /var/log/apt /var/log/*.log \
 && find /usr/share/doc -mindepth 2 -name 'changelog*' -delete
COPY --from=build /usr/local/bin/mlp /usr/local/bin/mlp
COPY --from=build /third-party /usr/local/share/doc/mlp/third-party
COPY LICENSE THIRD_PARTY_NOTICES /usr/local/share/doc/mlp/
WORKDIR /
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["/usr/local/bin/mlp"]
CMD ["train"]
ARG VERSION=dev
ARG REVISION=unknown
LABEL com.amazonaws.sagemaker.capabilities.accept-bind-to-port="true" \
      org.opencontainers.image.title="sagemaker-mlp" \
      org.opencontainers.image.description="Multi-layer perceptrons on CPU, as one SageMaker image" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0"
