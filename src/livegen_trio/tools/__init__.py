"""Functions that the model can call: declared from their signatures, called with checked arguments."""

from ._awaiting import AWAITED_ELSEWHERE as AWAITED_ELSEWHERE
from ._declarations import Declared as Declared, ToolInput as ToolInput, declarations as declarations
from ._functions import FunctionTool as FunctionTool
from ._options import OnInterrupt as OnInterrupt, tool as tool
