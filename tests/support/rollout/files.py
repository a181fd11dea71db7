"""Rollout files made by hand, as codex lays them out; for tests that need no codex."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import zstandard

_RLE_BLOCK, _RAW_BLOCK, _BLOCK = 1 << 1, 0, 128 << 10


def thread_id(number: int) -> str:
    return str(uuid.UUID(int=(0x019C1A2B << 96) | (7 << 76) | (8 << 60) | number))


def meta(thread: str, *, cwd: str = "/src/app", **fields: Any) -> dict[str, Any]:
    payload: dict[str, Any] = {
        "session_id": thread,
        "id": thread,
        "timestamp": "2025-01-03T12:00:00.000Z",
        "cwd": cwd,
        "originator": "codex_exec",
        "cli_version": "0.169.0",
        "source": "exec",
        "model_provider": "stub",
    }
    payload |= fields
    return {"timestamp": "2025-01-03T12:00:00.000Z", "type": "session_meta", "payload": payload}


def message(role: str, text: str, *, at: str = "2025-01-03T12:00:01.000Z") -> dict[str, Any]:
    kind = "output_text" if role == "assistant" else "input_text"
    content = [{"type": kind, "text": text}]
    payload = {"type": "message", "role": role, "content": content}
    return {"timestamp": at, "type": "response_item", "payload": payload}


def lines(*records: dict[str, Any]) -> bytes:
    text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    return text.encode()


def rollout_path(
    home: Path,
    thread: str,
    *,
    at: str = "2025-01-03T12-00-00",
    archived: bool = False,
    revert: str | None = None,
) -> Path:
    leaf = f"rollout-{at}-{thread}{'_' + revert if revert else ''}.jsonl"
    if archived:
        return home / "archived_sessions" / leaf
    return home / "sessions" / at[:4] / at[5:7] / at[8:10] / leaf


def write(path: Path, data: bytes, *, compressed: bool = False, **options: Any) -> Path:
    """Write one form; ``path`` is the plain path. Returns the file written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not compressed:
        path.write_bytes(data)
        return path
    target = path.with_name(path.name + ".zst")
    target.write_bytes(frame(data, **options))
    return target


def frame(data: bytes, *, sized: bool = True, checksum: bool = True, level: int = 3) -> bytes:
    """One zstd frame; codex's own has neither checksum nor, before its V3, a size."""
    context = zstandard.ZstdCompressor(
        level=level, write_checksum=checksum, write_content_size=sized
    )
    if sized:
        return context.compress(data)
    stream = context.compressobj()
    return stream.compress(data) + stream.flush()


def repeating_frame(head: bytes, blocks: int, *, fill: bytes = b"a") -> bytes:
    """One zstd frame: ``head`` as it is, then so many times 128 KiB of one letter, 4 bytes each."""
    parts = [b"\x28\xb5\x2f\xfd", b"\x00", b"\x58"]  # RFC 8878: a window of 2 MiB, no size
    parts.append((len(head) << 3 | _RAW_BLOCK).to_bytes(3, "little") + head)
    parts.append(((_BLOCK << 3 | _RLE_BLOCK).to_bytes(3, "little") + fill) * blocks)
    return b"".join([*parts, (1).to_bytes(3, "little")])
