"""Reads TensorBoard event files as TensorFlow's headers define them, with nothing of Judd's: checks by
crcmod, messages by protobuf. Usage: event_files.py FOLDER > scalars.json: {run: {tag: [[step, value], ...]}}"""

import json
import pathlib
import struct
import sys

import crcmod.predefined
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

crc32c = crcmod.predefined.mkPredefinedCrcFun("crc-32c")
assert crc32c(b"123456789") == 0xE3069283


def messages():
    """Event, with the fields that scalars need: tensorflow/core/util/event.proto, framework/summary.proto."""
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")
    field = descriptor_pb2.FieldDescriptorProto
    one, many = field.LABEL_OPTIONAL, field.LABEL_REPEATED

    def add(name, fields):
        message = file.message_type.add(name=name)
        for number, key, label, kind, type_name in fields:
            message.field.add(name=key, number=number, label=label, type=kind, type_name=type_name)

    add("Value", [(1, "tag", one, field.TYPE_STRING, None), (2, "simple_value", one, field.TYPE_FLOAT, None)])
    add("Summary", [(1, "value", many, field.TYPE_MESSAGE, ".t.Value")])
    add("Event", [(1, "wall_time", one, field.TYPE_DOUBLE, None), (2, "step", one, field.TYPE_INT64, None),
                  (3, "file_version", one, field.TYPE_STRING, None), (5, "summary", one, field.TYPE_MESSAGE, ".t.Summary")])
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("t.Event"))


def mask(crc):
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(data):
    at = 0
    while at < len(data):
        head = data[at:at + 8]
        (length,) = struct.unpack("<Q", head)
        assert struct.unpack("<I", data[at + 8:at + 12])[0] == mask(crc32c(head)), "check of a length"
        body = data[at + 12:at + 12 + length]
        assert struct.unpack("<I", data[at + 12 + length:at + 16 + length])[0] == mask(crc32c(body)), "check of data"
        yield body
        at += 16 + length


def scalars(folder):
    event_type = messages()
    found = {}
    for path in sorted(pathlib.Path(folder).rglob("*tfevents*")):
        run = found.setdefault(str(path.parent.relative_to(folder)), {})
        for i, body in enumerate(records(path.read_bytes())):
            event = event_type.FromString(body)
            assert event.wall_time > 1.5e9
            assert (event.file_version == "brain.Event:2") == (i == 0), "the first event names the version"
            for value in event.summary.value:
                points = run.setdefault(value.tag, [])
                assert not points or points[-1][0] < event.step, f"{path}: {value.tag}: step {event.step} twice or late"
                points.append([event.step, value.simple_value])
    return found


if __name__ == "__main__":
    json.dump(scalars(sys.argv[1]), sys.stdout, indent=1, sort_keys=True)
