# A static binary and the certificates, as nobody. Reports, state and sources live
# in /data, which the container's user has to be able to write to.
#
# The images are named by tag, because no digest of theirs could be looked up where this
# file was written. To pin them, append to each name the digest that
#   docker buildx imagetools inspect NAME --format '{{.Manifest.Digest}}'
# prints: golang:1.26.8-alpine@sha256:….
FROM golang:1.26.8-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /importer . \
 && mkdir -m 0700 /data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /importer /importer
COPY LICENSE THIRD_PARTY_LICENSES /usr/share/doc/importer/
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /data
USER 65532:65532
ENTRYPOINT ["/importer"]
