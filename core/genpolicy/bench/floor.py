"""The floor of any piece of work: the same matrix products, and nothing else of it.

::

    floor = Floor.of(lambda: learner.take_step(batch, updates))
    floor()          # replays them
    floor.flops      # what they come to

The work is done once under a mode that sees every operation, forward and backward, and notes the
products with the shapes, strides and places of what they take and give. They are replayed in order
on memory of their own. Operands that lay in the same place lie in the same place again, so weights
stay as warm in the caches as they were, and activations as cold.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map
from torch.utils.flop_counter import flop_registry

Flops = Callable[..., int]


def _flops_of_mv(matrix: Tensor, vector: Tensor, **_: object) -> int:
    return 2 * matrix.numel()


def _flops_of_addmv(added: Tensor, matrix: Tensor, vector: Tensor, **_: object) -> int:
    return 2 * matrix.numel()


_aten = torch.ops.aten

PRODUCTS: Final[Mapping[Any, Flops]] = {
    **flop_registry,
    _aten.mv: _flops_of_mv,
    _aten.addmv: _flops_of_addmv,
    _aten._scaled_dot_product_flash_attention_for_cpu: flop_registry[
        _aten._scaled_dot_product_flash_attention
    ],
    _aten._scaled_dot_product_flash_attention_for_cpu_backward: flop_registry[
        _aten._scaled_dot_product_flash_attention_backward
    ],
}
"""The operations that count as matrix products, convolutions and attention among them, and how many
floating-point operations one has: two for each multiplication that is added up."""


@attrs.frozen(kw_only=True)
class Place:
    """Where a tensor lay, and how.

    Args:
        address: Of its memory.
        bytes: How much memory there is at that address.
        shape: Its shape.
        stride: Its strides, in elements.
        offset: Where in that memory it begins, in elements.
        dtype: Its type.
        device: Its device.
    """

    address: int
    bytes: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    offset: int
    dtype: torch.dtype
    device: torch.device

    @classmethod
    def of(cls, tensor: Tensor) -> "Place":
        """Return where a tensor lies."""
        memory = tensor.untyped_storage()
        return cls(
            address=memory.data_ptr(),
            bytes=memory.nbytes(),
            shape=tuple(tensor.shape),
            stride=tensor.stride(),
            offset=int(tensor.storage_offset()),
            dtype=tensor.dtype,
            device=tensor.device,
        )


@attrs.frozen(eq=False, kw_only=True)
class Product:
    """One matrix product of a piece of work.

    Args:
        operation: What was called, such as ``aten.addmm.default``.
        arguments: What it was given, in order, every tensor as its place.
        options: And by name.
        results: Where its results lay, in order.
        flops: How many floating-point operations it has.
    """

    operation: Any
    arguments: tuple[Any, ...]
    options: Mapping[str, Any]
    results: tuple[Place, ...]
    flops: int

    @property
    def name(self) -> str:
        """The operation's name, such as ``addmm``."""
        name: str = self.operation.overloadpacket.__name__
        return name

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """The shapes of the tensors that it was given."""
        found = tree_leaves((self.arguments, dict(self.options)))
        return tuple(each.shape for each in found if isinstance(each, Place))


class Floor:
    """A piece of work's matrix products; called, it replays them.

    Args:
        products: The products, in order.
    """

    def __init__(self, products: tuple[Product, ...]) -> None:
        self.products = products
        taken, given = _Memory(), _Memory()
        for product in products:
            taken.note(tree_leaves((product.arguments, dict(product.options))))
            given.note(product.results)
        self._calls = [_call(product, taken, given) for product in products]
        self._on_cuda = any(
            place.device.type == "cuda" for each in products for place in each.results
        )
        self._graph: torch.cuda.CUDAGraph | None = None

    @classmethod
    def of(cls, work: Callable[[], object]) -> "Floor":
        """Do the work once and return its floor."""
        return cls(record(work))

    @property
    def flops(self) -> int:
        """How many floating-point operations they have together."""
        return sum(product.flops for product in self.products)

    def __call__(self) -> None:
        """Take every product once; on CUDA as one graph, so that launching them costs nothing."""
        if not self._on_cuda:
            self._take()
            return
        if self._graph is None:
            self._graph = self._captured()
        self._graph.replay()

    @torch.inference_mode()
    def _take(self) -> None:
        for call in self._calls:
            call()

    def _captured(self) -> torch.cuda.CUDAGraph:
        self._take()  # what libraries set up at a first call cannot be captured
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._take()
        return graph


def record(work: Callable[[], object]) -> tuple[Product, ...]:
    """Do a piece of work once and return its matrix products, in order."""
    with _Recorder() as recorder:
        work()
    return tuple(recorder.products)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes every matrix product that is taken."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.products: list[Product] = []

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        options = dict(kwargs or {})
        if func.overloadpacket not in PRODUCTS and func._can_decompose():
            with self:  # in inference mode layers arrive whole
                return func.decompose(*args, **options)
        result = func(*args, **options)
        if func.overloadpacket in PRODUCTS:
            self._note(func, args, options, result)
        return result

    def _note(self, func: Any, args: Any, options: dict[str, Any], result: Any) -> None:
        flops = PRODUCTS[func.overloadpacket](*args, **options, out_val=result)
        given = tuple(Place.of(each) for each in tree_leaves(result) if isinstance(each, Tensor))
        options.pop("out", None)
        self.products.append(
            Product(
                operation=func.overloadpacket.default if "out" in func._overloadname else func,
                arguments=tree_map(_placed, tuple(args)),
                options=tree_map(_placed, options),
                results=given,
                flops=flops,
            )
        )


class _Memory:
    """Memory laid out as that of the recorded work."""

    def __init__(self) -> None:
        self._bytes: dict[tuple[int, torch.device], int] = {}
        self._filled: dict[tuple[int, torch.device, torch.dtype], Tensor] = {}

    def note(self, places: Any) -> None:
        """Reserve what these need."""
        for place in places:
            if isinstance(place, Place):
                key = place.address, place.device
                self._bytes[key] = max(self._bytes.get(key, 0), place.bytes)

    def tensor(self, place: Place) -> Tensor:
        """Return a tensor of numbers of about one, as it lay."""
        key = place.address, place.device, place.dtype
        if key not in self._filled:
            count = self._bytes[key[:2]] // place.dtype.itemsize
            numbers = torch.Generator(place.device).manual_seed(0)
            fresh = torch.empty(count, dtype=torch.float32, device=place.device)
            self._filled[key] = fresh.normal_(generator=numbers).to(place.dtype)
        return self._filled[key].as_strided(place.shape, place.stride, place.offset)


def _placed(value: Any) -> Any:
    return Place.of(value) if isinstance(value, Tensor) else value


def _call(product: Product, taken: _Memory, given: _Memory) -> Callable[[], object]:
    """Return the call that takes a product, into given memory where the operation can."""

    def found(value: Any) -> Any:
        return taken.tensor(value) if isinstance(value, Place) else value

    arguments = tree_map(found, product.arguments, is_leaf=_is_place)
    options = tree_map(found, dict(product.options), is_leaf=_is_place)
    packet = product.operation.overloadpacket
    if len(product.results) == 1 and "out" in packet.overloads():
        out = given.tensor(product.results[0])
        return lambda: packet.out(*arguments, **options, out=out)
    return lambda: product.operation(*arguments, **options)


def _is_place(value: Any) -> bool:
    return isinstance(value, Place)
