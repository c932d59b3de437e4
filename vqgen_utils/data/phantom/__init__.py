"""A digital pelvis: anatomy -> a T2w-like axial slice and its tissue labels.

The anatomy is a set of tables: each structure is a shape with keyframes over height, as in an
animation. A patient stretches and warps the whole body, a week fills the organs and moves the
patient on the table, and a slice is a cut through it all, painted from deep to superficial.

    draws      who he is, and how he lies there this week
    shapes     what a structure can look like in a slice
    anatomy    the tables
    canvas     painting into an image and its labels
    regions    what is painted, from deep to superficial
    scanner    texture, coil, noise; `render_slice`
    study      a folder of NIfTI files in the layout of the HipMRI release

Lengths are mm in the body of an average man: x to the left, y to the front, z up from the
centres of the femoral heads. Paired structures are written down for the left side only.
"""

from vqgen_utils.data.phantom.draws import draw_patient, draw_week
from vqgen_utils.data.phantom.scanner import NUM_SLICES, noise_tiles, render_slice
from vqgen_utils.data.phantom.study import write_patient, write_phantom

__all__ = [
    *("NUM_SLICES", "draw_patient", "draw_week", "noise_tiles", "render_slice", "write_patient"),
    "write_phantom",
]
