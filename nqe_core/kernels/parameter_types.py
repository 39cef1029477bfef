"""Types of potentials' parameters, which compiled kernels that are kept on disk can name in any process.

numba keeps compiled kernels by the types of their arguments, and writes a NamedTuple down as the module and name of its
class. A class of a user's script is not there in the next process, and its entry would make all others unreadable. So
classes of parameters live here, and their names say how to make them again: name, checksum of the functions and of all
that they refer to (a changed potential is another type, and is compiled anew), and fields.
"""

from collections import namedtuple


def parameter_type(name, fields, checksum):
    """The NamedTuple of a potential's parameters.

    Parameters
    ----------
    name : str
        An identifier.
    fields : sequence of str
        Names of the parameters.
    checksum : str
        Letters and digits that differ whenever the functions compiled for this type would; see
        `nqe_core.potentials.fingerprint`.
    """
    return _named("__".join([name, checksum, *fields]))


REGISTERED = {}  # functions by type; kept here, where numba is not loaded, so that reading a sheet takes no time


def register(parameters, functions):
    """Make a potential known to the kernels.

    Parameters
    ----------
    parameters : type
        From `parameter_type`: floats, the first of them x_c^2. The type selects the potential.
    functions : sequence of five functions
        phi(y, w, potential) and its first to fourth derivative in y, in numpy and plain arithmetic. Their arguments must
        have these names.
    """
    if len(functions) != 5:
        raise ValueError(f"{parameters.__name__}: {len(functions)} functions, must be phi and four derivatives")
    REGISTERED[parameters] = tuple(functions)


def _named(full):
    if full not in globals():
        globals()[full] = namedtuple(full, full.split("__")[2:], module=__name__)
    return globals()[full]


def __getattr__(name):
    if name.startswith("_") or len(name.split("__")) < 3:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _named(name)
