"""The tissues that a map of labels tells apart, numbered as in the study."""

TISSUES = ("background", "body", "bone", "bladder", "rectum", "prostate")  # index = label value
BACKGROUND, BODY, BONE, BLADDER, RECTUM, PROSTATE = range(len(TISSUES))
ORGANS = TISSUES[BONE:]  # what lies inside the body; "body" is all the rest of it
