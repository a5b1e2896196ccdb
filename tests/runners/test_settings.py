"""Where a setting comes from, and what is said of one that cannot be meant."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runners.durations import parse_duration
from runners.settings import Settings, load_settings, read_settings
from schemas.errors import UsageError


def test_the_defaults_are_those_of_the_contract() -> None:
    settings = read_settings({}, {}, None)
    assert settings == Settings()
    assert (settings.currency, settings.timezone) == ("CNY", "Asia/Shanghai")
    assert settings.data_dir == Path(".interestream")
    day = 24 * 60 * 60 * 1000
    assert settings.max_out_of_orderness_ms == 30_000
    assert settings.allowed_lateness_ms == 60 * 60 * 1000
    assert (settings.dedup_horizon_ms, settings.order_horizon_ms) == (day, 30 * day)


@pytest.mark.parametrize(
    ("flag", "variable", "line", "currency"),
    [
        ("USD", "EUR", "GBP", "USD"),
        (None, "EUR", "GBP", "EUR"),
        (None, "", "GBP", "GBP"),
        (None, None, None, "CNY"),
    ],
)
def test_flags_come_before_environment_before_file(
    tmp_path: Path, flag: str | None, variable: str | None, line: str | None, currency: str
) -> None:
    config = tmp_path / "interestream.toml"
    config.write_text(f'currency = "{line}"\n' if line else "")
    environment = {} if variable is None else {"INTERESTREAM_CURRENCY": variable}
    assert read_settings({"currency": flag}, environment, config).currency == currency


def test_the_file_in_the_current_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "interestream.toml").write_text('allowed-lateness = "2h"\nbatch_rows = 7\n')
    monkeypatch.chdir(tmp_path)
    settings = load_settings()
    assert (settings.allowed_lateness_ms, settings.batch_rows) == (7_200_000, 7)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('curency = "CNY"', "Did you mean 'currency'"),
        ('colour = "red"', "It may hold: redis, data_dir"),
        ("currency = ", "cannot be read"),
        ("currency = 5", "currency in .*interestream.toml: a text is needed; it is 5"),
        ('timezone = "Mars/Base"', "IANA"),
    ],
)
def test_a_file_with_a_mistake_is_refused(tmp_path: Path, content: str, message: str) -> None:
    config = tmp_path / "interestream.toml"
    config.write_text(content)
    with pytest.raises(UsageError, match=message):
        read_settings({}, {}, config)


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        load_settings({}, tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("currency", "yuan"),
        ("timezone", "../../etc/passwd"),
        ("namespace", "a{b}"),
        ("max_out_of_orderness", "-5s"),
        ("allowed_lateness", "an hour"),
        ("checkpoint_every", "0s"),
        ("dedup_horizon", "5"),
        ("order_horizon", "0.0001s"),
        ("attribution_window", "for_ever"),
        ("batch_rows", "0"),
        ("batch_rows", "٣"),
    ],
)
def test_a_value_that_cannot_be_meant_names_its_flag_and_itself(name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings({name: value}, {}, None)
    assert f"--{name.replace('_', '-')}" in str(caught.value)
    assert value in str(caught.value)


@given(days=st.integers(0, 1000), hours=st.integers(0, 1000))
def test_units_agree_with_each_other(days: int, hours: int) -> None:
    assert parse_duration(f"{days}d") == parse_duration(f"{days * 24}h")
    assert parse_duration(f"{hours}h") == parse_duration(f"{hours * 3600}s")
    assert parse_duration(f"{hours}.5h") - parse_duration(f"{hours}h") == parse_duration("30m")
