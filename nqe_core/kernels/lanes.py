"""A particle's components in one register of the vector unit: short vectors that kernels can add and multiply.

LLVM finds no vectors in loops over two, three or four components that read and write the same arrays, since those
might overlap. So numba is taught a type here that is one: `load` and `store` move a particle's components, and +, -, *
work on all of them at once. A row of an array for lanes is `width(box)` numbers long: two in 2D, four in 3D and 4D;
the fourth number of a 3D row is zero and stays zero.
"""

import operator

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.core.cgutils import get_or_insert_function, global_constant
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from nqe_core.kernels.disk_cache import njit

DOUBLE = ir.DoubleType()
WIDTHS = {2: 2, 3: 4, 4: 4}  # of a row, by dimension
BYTES = ir.VectorType(ir.IntType(8), 8)
# The bits that are set in each number of eight bits, in order: only vector units of 512 bits can compress a vector
# themselves, elsewhere a look into a table is several times faster than moving one number after the other.
SET_BITS = ir.Constant(
    ir.ArrayType(BYTES, 256),
    [ir.Constant(BYTES, ([k for k in range(8) if mask >> k & 1] + [0] * 8)[:8]) for mask in range(256)],
)


class Lanes(types.Type):
    """`width` doubles in one register."""

    def __init__(self, width):
        self.width = width
        super().__init__(name=f"Lanes({width})")


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, ir.VectorType(DOUBLE, lanes.width))


def _lanes_of(box):
    return Lanes(WIDTHS[box.count])


def _broadcast(builder, number, width):
    vector = ir.VectorType(number.type, width)
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(one, one, ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width))


@intrinsic
def width(typingctx, box):
    """Numbers in a row of an array for lanes; a constant of the compiled code."""
    numbers = WIDTHS[box.count]
    return types.uint64(box), lambda context, builder, sig, args: ir.Constant(ir.IntType(64), numbers)


def _pointer(context, builder, array_type, array, offset, width):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), ir.VectorType(DOUBLE, width).as_pointer())


@intrinsic
def load(typingctx, array, offset, box):
    """The row of a flat array that begins at `offset`."""
    lanes = _lanes_of(box)

    def generate(context, builder, sig, args):
        return builder.load(_pointer(context, builder, sig.args[0], args[0], args[1], lanes.width), align=8)

    return lanes(array, types.uint64, box), generate


@intrinsic
def load_eight(typingctx, array, offset):
    """Eight numbers of a flat array, from `offset` on."""
    lanes = Lanes(8)

    def generate(context, builder, sig, args):
        return builder.load(_pointer(context, builder, sig.args[0], args[0], args[1], 8), align=8)

    return lanes(array, types.uint64), generate


@intrinsic
def eight(typingctx, number):
    """Eight times the same number."""
    return Lanes(8)(types.float64), lambda context, builder, sig, args: _broadcast(builder, args[0], 8)


@intrinsic
def store(typingctx, array, offset, values):
    """Overwrite the row of a flat array that begins at `offset`."""

    def generate(context, builder, sig, args):
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1], values.width)
        builder.store(args[2], pointer, align=8)
        return context.get_dummy_value()

    return types.void(array, types.uint64, values), generate


@intrinsic
def append_negative(typingctx, values, first, last, numbers, place):
    """Write first + k for every negative value k, but not `last` and beyond, from numbers[place] on; returns how many.

    Always overwrites eight numbers; those beyond the ones found are meaningless.
    """

    def generate(context, builder, sig, args):
        lanes, counted = args[0], ir.VectorType(ir.IntType(32), 8)
        begin, end = (builder.trunc(number, ir.IntType(32)) for number in args[1:3])
        spread = ir.Constant(counted, [0] * 8)
        places = []
        for number in (begin, end):
            one = builder.insert_element(ir.Constant(counted, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
            places.append(builder.shuffle_vector(one, one, spread))
        index = builder.add(places[0], ir.Constant(counted, list(range(8))))
        chosen = builder.and_(
            builder.fcmp_ordered("<", lanes, ir.Constant(lanes.type, [0.0] * 8)),
            builder.icmp_unsigned("<", index, places[1]),
        )
        mask = builder.zext(builder.bitcast(chosen, ir.IntType(8)), ir.IntType(64))
        table = global_constant(builder, "set_bits", SET_BITS)
        bits = builder.load(builder.gep(table, [ir.Constant(ir.IntType(64), 0), mask]), align=8)
        kept = builder.add(places[0], builder.zext(bits, counted))
        data = context.make_array(sig.args[3])(context, builder, args[3]).data
        builder.store(kept, builder.bitcast(builder.gep(data, [args[4]]), counted.as_pointer()), align=4)
        return builder.ctpop(mask)

    return types.uint64(values, types.uint64, types.uint64, numbers, types.uint64), generate


@intrinsic
def zero(typingctx, box):
    """All components zero."""
    lanes = _lanes_of(box)
    return lanes(box), lambda context, builder, sig, args: ir.Constant(
        ir.VectorType(DOUBLE, lanes.width), [0.0] * lanes.width
    )


def _each(function, values):
    """Signature and code of an LLVM function of every component."""

    def generate(context, builder, sig, args):
        vector = ir.VectorType(DOUBLE, values.width)
        name = f"llvm.{function}.v{values.width}f64"
        return builder.call(get_or_insert_function(builder.module, ir.FunctionType(vector, [vector]), name), args)

    return values(values), generate


@intrinsic
def rounded(typingctx, values):
    """Every component to the nearest integer."""
    return _each("rint", values)


@intrinsic
def absolute(typingctx, values):
    """Every component without its sign."""
    return _each("fabs", values)


@intrinsic
def total(typingctx, values):
    """Sum of the components."""

    def generate(context, builder, sig, args):
        vector = ir.VectorType(DOUBLE, values.width)
        # neighbours first, in every processor's vector unit the same order
        sums, left = args[0], values.width
        while left > 1:
            left //= 2
            turned = [(k + left) % values.width for k in range(values.width)]
            mask = ir.Constant(ir.VectorType(ir.IntType(32), values.width), turned)
            sums = builder.fadd(sums, builder.shuffle_vector(sums, ir.Constant(vector, ir.Undefined), mask))
        return builder.extract_element(sums, ir.Constant(ir.IntType(32), 0))

    return types.float64(values), generate


def teach_arithmetic(kind, number):
    """+, - and * of two values of a register's type, and * with a number of `kind`'s own precision.

    Parameters
    ----------
    kind : type
        Class of numba types; values of two are only combined when these are equal.
    number : numba type
        Of the numbers in the register.
    """

    def alike(self, args, keywords):
        if len(args) == 2 and isinstance(args[0], kind) and args[1] in self.partners(args[0]):
            return signature(args[0], *args)
        return None

    def teach(operation, instruction):
        scales = operation is operator.mul
        for symbol in (operation, getattr(operator, f"i{operation.__name__}")):
            rule = {
                "key": symbol, "generic": alike,
                "partners": staticmethod(lambda own: (own, number) if scales else (own,)),
            }  # fmt: skip
            infer_global(symbol)(type(f"{kind.__name__}_{symbol.__name__}", (AbstractTemplate,), rule))

            @lower_builtin(symbol, kind, kind)
            def elementwise(context, builder, sig, args):
                return getattr(builder, instruction)(*args)

            if scales:

                @lower_builtin(symbol, kind, types.Float)
                def scaled(context, builder, sig, args):
                    return builder.fmul(args[0], _broadcast(builder, args[1], args[0].type.count))

    for operation, instruction in ((operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul")):
        teach(operation, instruction)


teach_arithmetic(Lanes, types.float64)


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def pack(values, rows, box):
    """Copy a flat (N*d,) array into rows for lanes, (N*width,); padding is zeroed."""
    d, w = np.uint64(len(box)), width(box)
    for i in range(np.uint64(values.size) // d):
        for a in range(w):
            rows[i * w + a] = values[i * d + a] if a < d else 0.0


@njit(cache=True, fastmath=False, error_model="numpy", inline="always")
def unpack(rows, values, box):
    """The inverse of `pack`."""
    d, w = np.uint64(len(box)), width(box)
    for i in range(np.uint64(values.size) // d):
        for a in range(d):
            values[i * d + a] = rows[i * w + a]
