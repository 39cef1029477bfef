"""Several displacement fields in one register: sixteen single-precision numbers, five fields in 3D or four in 4D.

A particle's row holds component a of field f at place a * F + f. What one bond does to all fields is then the same few
instructions that `lanes` needs for one field in double precision.
"""

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic, models, register_model

from nqe_core.kernels.lanes import teach_arithmetic

WIDTH = 16
FIELDS = {3: 5, 4: 4}  # by dimension
SINGLE, COUNT = ir.FloatType(), ir.IntType(32)
REGISTER = ir.VectorType(SINGLE, WIDTH)


class FieldLanes(types.Type):
    """Sixteen floats in one register."""

    def __init__(self):
        super().__init__(name="FieldLanes")


field_lanes = FieldLanes()


@register_model(FieldLanes)
class _FieldLanesModel(models.PrimitiveModel):
    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, REGISTER)


def _shuffled(builder, vector, places):
    nothing = ir.Constant(vector.type, ir.Undefined)
    return builder.shuffle_vector(vector, nothing, ir.Constant(ir.VectorType(COUNT, len(places)), places))


def _pointer(context, builder, array_type, array, offset, width):
    data = context.make_array(array_type)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [offset]), ir.VectorType(SINGLE, width).as_pointer())


@intrinsic
def fields(typingctx, box):
    """Fields in a row; a constant of the compiled code."""
    number = FIELDS[box.count]
    return types.uint64(box), lambda context, builder, sig, args: ir.Constant(ir.IntType(64), number)


@intrinsic
def nothing(typingctx):
    """Sixteen zeros."""
    return field_lanes(), lambda context, builder, sig, args: ir.Constant(REGISTER, [0.0] * WIDTH)


@intrinsic
def load(typingctx, array, offset):
    """The sixteen numbers of a flat array of float32 from `offset` on."""

    def generate(context, builder, sig, args):
        return builder.load(_pointer(context, builder, sig.args[0], args[0], args[1], WIDTH), align=4)

    return field_lanes(array, types.uint64), generate


@intrinsic
def store(typingctx, array, offset, values):
    """Overwrite the sixteen numbers of a flat array of float32 from `offset` on."""

    def generate(context, builder, sig, args):
        builder.store(args[2], _pointer(context, builder, sig.args[0], args[0], args[1], WIDTH), align=4)
        return context.get_dummy_value()

    return types.void(array, types.uint64, values), generate


@intrinsic
def spread(typingctx, array, offset, box):
    """Component a of a vector, four numbers from `offset` on, in all places of component a."""
    number = FIELDS[box.count]
    places = [min(k // number, 3) for k in range(WIDTH)]

    def generate(context, builder, sig, args):
        vector = builder.load(_pointer(context, builder, sig.args[0], args[0], args[1], 4), align=4)
        return _shuffled(builder, vector, places)

    return field_lanes(array, types.uint64, box), generate


@intrinsic
def turned(typingctx, values, box):
    """Component a + 1 in the place of component a, the first in that of the last."""
    number = FIELDS[box.count]
    used = number * box.count
    places = [(k + number) % used if k < used else k for k in range(WIDTH)]
    return field_lanes(values, box), lambda context, builder, sig, args: _shuffled(builder, args[0], places)


teach_arithmetic(FieldLanes, types.float32)
