"""A table of digits read with pandas to uint8, timed. Prints one JSON object.

python pandas_csv.py SMALL LARGE   # seconds for the large file, after the small one as warm-up
"""

import json
import sys
from time import perf_counter

import pandas as pd


def read(path):
    frame = pd.read_csv(path)
    return frame["label"].to_numpy(), frame.drop(columns="label").to_numpy("uint8")


if __name__ == "__main__":
    read(sys.argv[1])
    began = perf_counter()
    read(sys.argv[2])
    print(json.dumps({"value": perf_counter() - began}))
