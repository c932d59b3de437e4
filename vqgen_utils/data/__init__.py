"""From a folder of scans to arrays: who is who, what is sound, and slices of one size and scale.

nifti      one file                          framing    slices of one size
dicom      one series; sessions: which       png        PNG slices
reading    one scan of any of these kinds
listing    what lies in a folder             scans      one scan's slices, scaled together
names      whose scans they are              packing    all of them, once, in arrays
split      who is held out                   slices     `load_slices`
survey     the headers, before the voxels    check      what is wrong with a folder
phantom/   the default data                  download   open data
tissues    what labels mean
"""

from vqgen_utils.data import download, framing, phantom, split
from vqgen_utils.data.check import check_folder
from vqgen_utils.data.reading import read_header, read_volume
from vqgen_utils.data.slices import SliceDataset, Slices, load_slices

__all__ = [
    *("SliceDataset", "Slices", "check_folder", "download", "framing", "load_slices"),
    *("phantom", "read_header", "read_volume", "split"),
]
