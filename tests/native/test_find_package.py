"""A C++ project of its own finds the installed library through CMake, compiles against it and runs."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

import fastnn

HERE = Path(__file__).parent
PACKAGE = Path(fastnn.__file__).parent
DEV_BUILD = HERE.parent.parent / "build" / "dev"


def run(*command: object) -> str:
    """Run a command; its whole output belongs to the failure, if it fails."""
    done = subprocess.run(list(map(str, command)), text=True, capture_output=True)
    assert done.returncode == 0, f"{command}:\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def package_dir(tmp_path: Path) -> Path:
    """Folder of fastnnConfig.cmake: in an installed wheel, or where the dev build is installed to."""
    if shutil.which("cmake") is None:
        pytest.skip("needs cmake")
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip("needs a C++ compiler")
    if os.environ.get("LD_PRELOAD"):
        pytest.skip("cmake and the compiler would run under the preloaded sanitizer")
    if (PACKAGE / "lib" / "cmake").exists():
        return PACKAGE / "lib" / "cmake" / "fastnn"
    if not (DEV_BUILD / "CMakeCache.txt").exists():
        pytest.skip("needs an installed fastnn, or build/dev")
    run("cmake", "--install", DEV_BUILD, "--prefix", tmp_path / "prefix")
    return next((tmp_path / "prefix").rglob("fastnnConfig.cmake")).parent


def test_consumer_builds_and_runs(package_dir: Path, tmp_path: Path) -> None:
    build = tmp_path / "build"
    run("cmake", "-S", HERE / "consumer", "-B", build, f"-Dfastnn_DIR={package_dir}")
    run("cmake", "--build", build)
    lines = run(build / "consumer").splitlines()
    assert lines[0] == f"fastnn {fastnn.__version__}"
    assert lines[1].split() in [["isa", isa] for isa in ("v2", "v3", "v4", "neon")]
    assert lines[2].split() == ["1", "0", "0", "4", "5", "0"]
    assert lines[3].startswith("error ") and "activation" in lines[3]
