"""After the first steps training allocates nothing: a library between the program and malloc counts."""

import os
import shutil
import subprocess
import sys

import pytest

COUNTER = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stddef.h>
static atomic_long count;
long allocations(void) { return count; }
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
void *malloc(size_t n) { count++; return __libc_malloc(n); }
void *calloc(size_t n, size_t s) { count++; return __libc_calloc(n, s); }
void *realloc(void *p, size_t n) { count++; return __libc_realloc(p, n); }
void *memalign(size_t a, size_t n) { count++; return __libc_memalign(a, n); }
void *aligned_alloc(size_t a, size_t n) { count++; return __libc_memalign(a, n); }
int posix_memalign(void **p, size_t a, size_t n) { count++; *p = __libc_memalign(a, n); return *p ? 0 : 12; }
"""

PROGRAM = r"""
import ctypes, os, sys
import numpy as np
import fastnn
from fastnn import layers

counter = ctypes.CDLL(os.environ["COUNTER"]).allocations
counter.restype = ctypes.c_long
fastnn.utils.set_random_seed(0)
x = np.random.default_rng(0).random((4096, 12, 12, 1), dtype=np.float32)
y = (np.arange(4096) % 10).astype(np.uint8)
models = {
    "convolutions": lambda: [
        layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.MaxPooling2D(),
        layers.Flatten(), layers.Dropout(0.1), layers.Dense(16, activation="gelu"),
    ],
    "cells": lambda: [
        layers.Reshape((12, 12)), layers.RNN([layers.LSTMCell(9, dropout=0.1), layers.GRUCell(8)]),
    ],
}
model = fastnn.Sequential(
    [layers.Input((12, 12, 1)), *models[sys.argv[1]](), layers.Dense(10, activation="softmax")]
)
model.compile(fastnn.optimizers.Adam(clipnorm=1.0), "sparse_categorical_crossentropy", metrics=["accuracy"])

def allocations(steps):
    before = counter()
    model.fit(x, y, batch_size=16, epochs=1, steps_per_epoch=steps, shuffle=False, verbose=0)
    return counter() - before

allocations(8), allocations(200)  # plans, workspaces, Python's own caches
print(min(allocations(8) for _ in range(5)), min(allocations(200) for _ in range(5)))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs glibc")
@pytest.mark.skipif("FASTNN_SANITIZED" in os.environ, reason="the sanitizer has malloc for itself")
@pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler")
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", ["convolutions", "cells"])
def test_steps_allocate_nothing(tmp_path, model, threads):
    source, library = tmp_path / "counter.c", tmp_path / "counter.so"
    source.write_text(COUNTER)
    subprocess.run(["cc", "-O1", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    environment = dict(
        os.environ,
        LD_PRELOAD=str(library),
        COUNTER=str(library),
        FASTNN_NUM_THREADS=str(threads),
        PYTHONPATH=os.pathsep.join(sys.path),
    )
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, model], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    few, many = map(int, done.stdout.split())
    # Python allocates a little for each call of fit; 192 further steps must not add to it.
    assert many - few <= 8, f"{few} allocations for 8 steps, {many} for 200"
