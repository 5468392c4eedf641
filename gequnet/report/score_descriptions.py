"""What each score measures, in a sentence."""

MEANINGS = {
    "dice": "overlap of prediction and truth: twice what they have in common over the sum of both",
    "iou": "overlap of prediction and truth: what they have in common over what either has",
    "accuracy": "share of pixels that are right; high for whoever finds nothing where there is little to be found",
    "sensitivity": "share of the true foreground that was found",
    "specificity": "share of the true background that was left alone",
    "precision": "share of what was found that is true",
    "balanced_accuracy": "mean of sensitivity and specificity, so that a rare class counts as much as a common one",
    "cldice": "overlap of centrelines with masks: thin structures by their length, whether they hang together",
    "roc_auc": "chance that a pixel of the foreground is given a higher probability than one of the background",
    "pr_auc": "mean precision over all thresholds, each weighted by the foreground that it adds",
    "hd95_mm": "distance from surface to surface that one twentieth of them exceeds, in millimetres; lower is better",
    "hd95_px": "distance from surface to surface that one twentieth of them exceeds, in pixels; lower is better",
    "surface_dice": "share of both surfaces that lies within the tolerance of the other",
    "instance_ap": "share of objects, found and true, that match; mean over overlaps (IoU) above .5, .55, …, .95",
    "instance_ap50": "share of objects, found and true, that match with an overlap (IoU) above .5",
    "instance_ap75": "share of objects, found and true, that match with an overlap (IoU) above .75",
    "v_rand": "agreement of the cells that a membrane keeps apart, by pairs of pixels, as in the ISBI 2012 challenge",
    "v_info": "agreement of the cells that a membrane keeps apart, by information, as in the ISBI 2012 challenge",
    "pixel_error": "share of pixels that are wrong; lower is better",
}
POOLED = ("roc_auc", "pr_auc")  # over the pixels of all images, so that no image has one
REGIONS = {"_fov": "inside the field of view", "_whole": "over the whole image"}


def meaning(score: str) -> str:
    """What a score of ``metrics.json`` measures.

    >>> meaning("sensitivity_fov/vessel")
    'share of the true foreground that was found; inside the field of view; of vessel'
    """
    name, _, of_class = score.partition("/")
    base = base_of(name)
    said = [MEANINGS.get(base, "not known to gequnet"), REGIONS.get(name.removeprefix(base), "")]
    return "; ".join(part for part in [*said, f"of {of_class}" if of_class else ""] if part)


def base_of(score: str) -> str:
    """The name of a score without region and class.

    >>> base_of("dice_whole/vessel"), base_of("hd95_mm")
    ('dice', 'hd95_mm')
    """
    name = score.partition("/")[0]
    for suffix in REGIONS:
        name = name.removesuffix(suffix)
    return name
