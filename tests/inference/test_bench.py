from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from inference.bench import main
from tests.processes import run_to_end


def test_the_table_and_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "figures.json"
    arguments = "--shape demo --weights random --rows 1:12:4,3:12:3 --rounds 1 --seconds 1"
    assert main([*arguments.split(), "--against", "reference", "--json", str(file)]) == 0
    shown = capsys.readouterr().out
    report = json.loads(file.read_text())
    assert [row["concurrency"] for row in report["rows"]] == [1, 3]
    for row in report["rows"]:
        assert row["tokens_per_second"] > 0
        assert row["bandwidth_share"] == pytest.approx(
            report["bytes_of_a_step"] / report["copy_bandwidth"] / row["step"]
        )
        assert row["ratio"] == pytest.approx(row["tokens_per_second"] / row["reference"]["tokens_per_second"])
        assert f"{row['ratio']:.2f} times the reference" in shown
        for speed in (row, row["reference"]):
            assert f"{speed['tokens_per_second']:.1f}" in shown
            assert f"{1000 * speed['step']:.2f} ms" in shown
    first = report["first_tokens"]
    assert first["new_picture"] > 0
    assert min(first["follow_ups"].values()) > 0
    assert next(iter(first["follow_ups"])) == "200"
    for tokens, seconds in first["follow_ups"].items():
        assert f"{1000 * seconds:.1f} ms after {tokens}" in shown
    assert report["arrivals"]["requests"] >= 2
    assert report["arrivals"]["first_token_p50"] <= report["arrivals"]["first_token_p99"]
    assert 0 < report["loop_lag_p99"] < 60
    cold = report["cold_start"]
    assert cold["tokens"] == 15
    assert 0 < cold["first_token"] < cold["answer"]
    assert 0 < cold["weights"] < cold["load"]
    assert 10**8 < cold["peak_memory"] < 10**10
    assert f"load {cold['load']:.2f} s" in shown


def test_a_checkpoint_that_is_none_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--weights", "/no/such/folder"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "/no/such/folder" in captured.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--concurrency", "1,0"],
        ["--concurrency", "x"],
        ["--prompt", "7"],
        ["--new", "0"],
        ["--rows", "1:64"],
        ["--rows", "1:7:4"],
    ],
)
def test_wrong_numbers(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_it_needs_few_packages() -> None:
    code = (
        "import sys\n"
        "absent = 'typer rich discord aiohttp sqlalchemy pydantic_settings sentencepiece'.split()\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "import inference.bench, inference.coldstart\n"
        "inference.bench.import_transformers()\n"
        "import inference.measuring, inference.scenarios\n"
        "from inference.random_weights import config_of_shape, stand_in_tokenizer\n"
        "print(len(stand_in_tokenizer(config_of_shape('demo'))))\n"
    )
    done = run_to_end([sys.executable, "-c", code])
    assert (done.returncode, done.stdout) == (0, b"1539\n"), done.stderr.decode()
