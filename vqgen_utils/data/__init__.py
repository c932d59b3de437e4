"""From a folder of scans to arrays: who is who, what is sound, and slices of one size and scale.

nifti      one file                          framing    slices of one size
dicom      one series; sessions: which       png        PNG slices
reading    one scan of any of these kinds
listing    what lies in a folder             scans      one scan's slices, scaled together
names      what one name says                copies     the same voxels under two names
paths      what the names of a path say      packing    all of them, once, in arrays
whose      what all paths say of whom        slices     `load_slices`
contrasts  which of a patient's is read      volumes    scans in order, slices joined
layouts    a folder's volumes, by its names  check      what is wrong with a folder
split      who is held out                   download   open data
survey     the headers, before the voxels    tissues    what labels mean
releases   the study's layouts               intensities  what a scan's numbers mean
phantom/   the default data
"""

from vqgen_utils.data import download, framing, phantom, split
from vqgen_utils.data.check import check_folder
from vqgen_utils.data.reading import read_header, read_volume
from vqgen_utils.data.slices import SliceDataset, Slices, load_slices

__all__ = [
    *("SliceDataset", "Slices", "check_folder", "download", "framing", "load_slices"),
    *("phantom", "read_header", "read_volume", "split"),
]
