"""The tables of an experiment: values by budget, by dimension, by network.

They act only through what refers to them (`trainer.max_steps: ${steps.${budget}}`), so two runs may differ in them and
be the same training: another list of seeds is no other recipe.
"""

TABLES = ("steps", "seeds", "images", "patches", "networks", "dims", "widths", "dropouts", "rates", "pretrained")
