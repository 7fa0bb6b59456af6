"""Amazon S3: buckets and objects, durable; websites, CORS, policies."""

from __future__ import annotations

from cloudlet.aws.service import Service, operations_of
from cloudlet.services.parts import Parts
from cloudlet.services.s3.api import (
    absent,
    buckets,
    configuration,
    copying,
    listing,
    multipart,
    permissions,
    reading,
    tagging,
    writing,
)
from cloudlet.services.s3.cors import Cors
from cloudlet.services.s3.forms import Forms
from cloudlet.services.s3.store import S3
from cloudlet.services.s3.website import Website


def build(parts: Parts) -> Service[S3]:
    """S3 with its website door."""
    state = S3(parts)
    cors = Cors(state)
    return Service(
        name="s3",
        state=state,
        operations=operations_of(
            absent, buckets, configuration, copying, listing, multipart, permissions, reading,
            tagging, writing,
        ),
        doors={"s3-website": Website(state, cors)},
        start=state.start,
        stop=state.stop,
        reset=state.reset,
        finish=cors.finish,
        preflight=cors.preflight,
        form=Forms(state),
    )  # fmt: skip
